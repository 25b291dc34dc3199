"""Remedies of ``calicoq check`` that depend on the stored objects. Commands are quoted for a shell."""

from __future__ import annotations

import re

from calicoctl.datastore import keys
from calicoctl.felix.rules import ID
from calicoctl.model.bgp import address_problem
from calicoctl.model.names import is_profile_name, is_stored_profile_name
from calicoctl.model.tags import MalformedTags, tags_from_json

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.datastore.snapshot import Stored

CORRECT = "Correct the value, or remove the key."

_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_.,:@%+/=-]+")
_NOT_IN_QUOTES = set("\"'$`\\!")


def profile_removal(name: str, key: str) -> str:
    """Return how to remove a profile whose directory is ``key``."""
    if _is_addressable(name):
        return f"'calicoctl profile remove {name}'"
    is_escaped = keys.escaped(name) == keys.last_segment(key)  # otherwise no name leads to this key
    return is_escaped and _command("delete", "profile", name) or f"remove {key} from etcd"


def for_profile_part(name: str, part: str, stored: Stored) -> str:
    """Return what to do about a part of a profile (``rules``, ``tags``, ``labels``) that Felix refuses."""
    if stored.is_directory:
        return "Remove the directory from etcd, and write the value again."
    if not _is_addressable(name):
        removal = profile_removal(name, keys.parent(stored.key))
        return f"Move them to a profile with a proper name, and delete this one: {removal}."
    if part == "rules":
        return f"Correct it: 'calicoctl profile {name} rule update'."
    return _for_tags(name, stored.value) if part == "tags" else CORRECT


def for_missing_profile(profile: str, endpoint_key: str) -> str:
    """Return what to do about a profile that an endpoint names but Felix does not find."""
    if _is_addressable(profile) and not profile.startswith("_"):
        return f"Create it: 'calicoctl profile add {profile}'."
    host, orchestrator, workload, endpoint = keys.endpoint_names(endpoint_key) or ("", None, None, "")
    command = None
    if workload is not None and is_stored_profile_name(profile):
        options = {"--host": host, "--orchestrator": str(orchestrator), "--workload": workload}
        command = _command("endpoint", endpoint, "profile", "remove", profile, **options)
    return f"Remove it from the endpoint's profile_ids{': ' + command if command else ''}."


def for_skipped_tier(policy_key: str) -> str:
    """Return what to do about a tier that packets skip, by the key of a policy in it."""
    metadata = f"{policy_key.rpartition('/policy/')[0]}/metadata"
    return (
        f'Write {{"order": 100}}, or {{}} for the last tier, to {metadata}. The policies of the tier are then in '
        "force, and the end of the tier drops the packets of their endpoints that no policy in it allows."
    )


def node_removal(host: str) -> str:
    """Return how to remove all BGP data of a host."""
    return _command("node", "remove", **{"--hostname": host}) or f"remove {keys.BGP_HOSTS}/{host} from etcd"


def peer_removal(key: str, host: str | None) -> str:
    """Return how to remove a BGP peer of a host, or of all nodes."""
    return _peer_command(key, host, "remove") or f"remove {key} from etcd"


def for_peer(key: str, host: str | None, as_num: str = "") -> str:
    """Return what to do about a BGP peer that BIRD does not accept as stored."""
    address = keys.peer_of(key)
    anew = None
    if address is not None and not address_problem(address):
        anew = _peer_command(key, host, "add", "as", as_num or "AS_NUM")
    return f"Store it anew: {anew}." if anew else f"Remove it: {peer_removal(key, host)}."


def _peer_command(key: str, host: str | None, verb: str, *more: str) -> str | None:
    """Return a command line about the peer that is stored under a key; None if no command can name the peer."""
    address = keys.peer_of(key)
    if address is None:
        return None
    if host is None:
        return _command("bgp", "peer", verb, str(address), *more)
    return _command("node", "bgp", "peer", verb, str(address), *more, **{"--hostname": host})


def _for_tags(profile: str, text: str) -> str:
    try:
        wrong = [tag for tag in dict.fromkeys(tags_from_json(text)) if not ID.fullmatch(tag)]
    except MalformedTags:
        wrong = []
    commands = [_command("profile", profile, "tag", "remove", tag) for tag in wrong]
    known = [command for command in commands if command is not None]
    if known and len(known) == len(commands):
        return f"Remove the invalid tags: {', '.join(known)}."
    return "Replace them: 'calicoctl apply -f FILE' of the whole profile, with metadata.tags."


def _is_addressable(profile: str) -> bool:
    """Tell whether all commands of ``calicoctl profile`` accept a name, including ``profile add``."""
    return is_profile_name(profile) and not profile.startswith("-")


def _command(*words: str, **options: str) -> str | None:
    """Return a command line of calicoctl; None if a word cannot be quoted for all shells."""
    written = [*map(_word, words), *(_word(value) and f"{option}={_word(value)}" for option, value in options.items())]
    return None if None in written else f"'calicoctl {' '.join(map(str, written))}'"


def _word(text: str) -> str | None:
    if not text or text.startswith("-") or not text.isprintable() or _NOT_IN_QUOTES.intersection(text):
        return None
    return text if _NEEDS_NO_QUOTES.fullmatch(text) else f'"{text}"'
