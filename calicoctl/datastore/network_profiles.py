"""Profiles of Docker networks. libnetwork stores them, and their tags, under the id of the network."""

from __future__ import annotations

from calicoctl.datastore.profiles import ProfileNotFound, Profiles
from calicoctl.errors import CommandError
from calicoctl.model.rule import Rule
from calicoctl.model.rules import Rules
from calicoctl.output import complaint

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from calicoctl.errors import MalformedObject
    from calicoctl.etcd.client import Client

    FindNetwork = Callable[[str], tuple[str, str] | None]
    T = TypeVar("T")

_TAG_FIELDS = ("src_tag", "dst_tag", "!src_tag", "!dst_tag")


class NetworkProfiles(Profiles):
    """Profiles by name or, if there is no profile of a name, by the name of a Docker network.

    The stored tags of a network's profile are network ids. All methods take and return network names instead, as in
    legacy calicoctl v0.23.1. A tag that is not a network id is unchanged.
    """

    def __init__(self, client: Client, find_network: FindNetwork) -> None:
        """``find_network`` takes a name or id and returns id and name of the Docker network, or None."""
        super().__init__(client)
        self._find_network = find_network

    def tags(self, name: str) -> list[str]:
        """Return the tags in stored order."""
        stored = super().tags
        return self._attempt(name, lambda key, names: names.shown_tags(stored(key)))

    def rules(self, name: str) -> Rules:
        """Return the rules."""
        stored = super().rules
        return self._attempt(name, lambda key, names: names.shown_rules(stored(key)))

    def edit_tags(
        self, name: str, change: Callable[[list[str]], list[str] | None]
    ) -> Rules | MalformedObject | None:
        """Replace the tags by the result of ``change``. Raises CommandError for a tag that is not a network."""
        edit = super().edit_tags

        def edit_one(key: str, names: _Names) -> Rules | MalformedObject | None:
            def changed(stored: list[str]) -> list[str] | None:
                tags = change(names.shown_tags(stored))
                return None if tags is None else names.stored_tags(tags)

            return edit(key, changed)

        return self._attempt(name, edit_one)

    def edit_rules(self, name: str, change: Callable[[Rules], Rules | None]) -> None:
        """Replace the rules by the result of ``change``. Raises CommandError for a tag that is not a network."""
        edit = super().edit_rules

        def edit_one(key: str, names: _Names) -> None:
            def changed(stored: Rules) -> Rules | None:
                rules = change(names.shown_rules(stored))
                return None if rules is None else names.stored_rules(rules)

            edit(key, changed)

        self._attempt(name, edit_one)

    def replace_rules(self, name: str, change: Callable[[Rules | None], Rules | None]) -> None:
        """Like ``edit_rules``, but ``change`` is called with None if the stored rules cannot be read."""
        replace = super().replace_rules

        def replace_one(key: str, names: _Names) -> None:
            def changed(stored: Rules | None) -> Rules | None:
                rules = change(None if stored is None else names.shown_rules(stored))
                return None if rules is None else names.stored_rules(rules)

            replace(key, changed)

        self._attempt(name, replace_one)

    def _attempt(self, name: str, operation: Callable[[str, _Names], T]) -> T:
        """Call ``operation`` for the profile of this name or, if there is none, for that of the Docker network."""
        try:
            return operation(name, _Names())
        except ProfileNotFound as error:
            network = self._find_network(name)
            if network is None:
                raise
            try:
                return operation(network[0], _NamesOfNetworks(self._find_network))
            except ProfileNotFound:
                raise error from None


class _Names:
    """Translates between stored tags and displayed names, which are the same in profiles that have a name."""

    def shown_tags(self, tags: list[str]) -> list[str]:
        return tags

    def stored_tags(self, names: list[str]) -> list[str]:
        return names

    def shown_rules(self, rules: Rules) -> Rules:
        return rules

    def stored_rules(self, rules: Rules) -> Rules:
        return rules


class _NamesOfNetworks(_Names):
    """Translates the tags of a network's profile: they are stored as ids and displayed as names."""

    def __init__(self, find_network: FindNetwork) -> None:
        self._find_network = find_network
        self._shown: dict[str, str] = {}
        self._stored: dict[str, str] = {}

    def shown_tags(self, tags: list[str]) -> list[str]:
        return [self._name_of(tag) for tag in tags]

    def stored_tags(self, names: list[str]) -> list[str]:
        return [self._id_of(name) for name in names]

    def shown_rules(self, rules: Rules) -> Rules:
        return _translated(rules, self._name_of)

    def stored_rules(self, rules: Rules) -> Rules:
        return _translated(rules, self._id_of)

    def _name_of(self, tag: str) -> str:
        """Return the name of the network with this id; the tag itself if there is none or another tag has this name."""
        if tag not in self._shown:
            network = self._find_network(tag)
            name = network[1] if network is not None and network[0] == tag else tag
            if self._stored.setdefault(name, tag) != tag:
                name = tag
                self._stored[tag] = tag
            self._shown[tag] = name
        return self._shown[tag]

    def _id_of(self, name: str) -> str:
        """Return the stored tag for a name that is displayed, or the id of that network. Raises CommandError."""
        if name not in self._stored:
            network = self._find_network(name)
            if network is None:
                raise CommandError(
                    complaint(
                        f"You are referencing a Docker network ({name}) that does not exist.  Create the network first "
                        "and then update this profile rule to reference it."
                    )
                )
            self._stored[name] = network[0]
        return self._stored[name]


def _translated(rules: Rules, translate: Callable[[str], str]) -> Rules:
    inbound, outbound = (
        [Rule({key: _value(key, value, translate) for key, value in rule.fields.items()}) for rule in listed]
        for listed in (rules.inbound, rules.outbound)
    )
    return Rules(inbound, outbound, rules.extra)


def _value(key: str, value: object, translate: Callable[[str], str]) -> object:
    return translate(value) if key in _TAG_FIELDS and isinstance(value, str) and value else value
