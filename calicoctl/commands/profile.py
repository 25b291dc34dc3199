"""calicoctl profile: show and change profiles, their tags and their rules."""

from __future__ import annotations

from calicoctl.commands.messages import invalid_profile_names, provided
from calicoctl.commands.profiles import profiles_and_networks, warn_of_dropped_profile
from calicoctl.datastore.profiles import Profiles
from calicoctl.errors import CommandError, MalformedObject
from calicoctl.model.names import is_profile_name, is_stored_profile_name, is_stored_tag, is_tag
from calicoctl.output import complaint, table, visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_DETAILED_HEADINGS = ("Name", "Host", "Orchestrator ID", "Workload ID", "Endpoint ID", "State")


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``profile`` command line and return the exit status. Raises CommandError."""
    name = arguments["<PROFILE>"]
    if name is None:
        return _show_detailed(environment) if arguments["--detailed"] else _show(environment)
    complaints = list(_invalid_arguments(arguments))
    if complaints:
        raise CommandError("\n".join(complaints))
    if arguments["rule"]:
        from calicoctl.commands.profile_rules import run_rule

        return run_rule(arguments, environment)
    if arguments["tag"]:
        return _run_tag(name, arguments["<TAG>"], arguments, environment)
    if arguments["add"]:
        return _add(name, environment)
    return _remove(name, not arguments["--no-check"], environment)


def _run_tag(name: str, tag: str, arguments: Arguments, environment: Environment) -> int:
    if arguments["show"]:
        return _tag_show(name, environment)
    return (_tag_add if arguments["add"] else _tag_remove)(name, tag, environment)


# Profiles


def _show(environment: Environment) -> int:
    rows = [[name] for name in Profiles(environment.client()).names()]
    if not environment.say_rows(rows):
        environment.say(table(["Name"], rows))
    return 0


def _show_detailed(environment: Environment) -> int:
    from calicoctl.commands.profile_users import users_of_profiles

    names = Profiles(environment.client()).names()
    users, complaints = users_of_profiles(environment)
    rows: list[tuple[str | None, ...]] = []
    for name in names:
        rows += [(name, *row) for row in sorted(users.get(name, ()))] or [(name, *[None] * 5)]
    if not environment.say_rows(rows):
        environment.say(table(_DETAILED_HEADINGS, rows))
    for text in complaints:
        environment.complain(text)
    return 1 if complaints else 0


def _add(name: str, environment: Environment) -> int:
    if name.startswith("_"):
        raise CommandError(
            f"A profile cannot be created with a name that begins with an underscore, as {name} does: etcd hides such "
            "keys from every listing."
        )
    created, written = Profiles(environment.client()).create(name)
    environment.say(f"Created profile {name}" if created else f"Profile {name} already exists.")
    if written and not created:
        environment.complain(f"It was incomplete; added its {' and '.join(written)}.")
    return 0


def _remove(name: str, check: bool, environment: Environment) -> int:
    from calicoctl.commands.profile_users import check_unused

    profiles = Profiles(environment.client())
    directory = profiles.find(name)
    if check:
        check_unused(name, environment)
    profiles.delete(name, directory)
    environment.say(f"Deleted profile {name}")
    return 0


def _tag_show(name: str, environment: Environment) -> int:
    tags = profiles_and_networks(environment).tags(name)
    if not environment.say_rows([tag] for tag in tags):
        for tag in tags:
            environment.say(visible(tag))
    return 0


def _tag_add(name: str, tag: str, environment: Environment) -> int:
    was_there = False

    def with_tag(tags: list[str]) -> list[str] | None:
        nonlocal was_there
        was_there = tag in tags
        return None if was_there else [*tags, tag]

    rules = profiles_and_networks(environment).edit_tags(name, with_tag)
    environment.say(f"Tag {tag} added to profile {name}")
    if was_there:
        environment.complain("The profile already had this tag: nothing was written.")
    if isinstance(rules, MalformedObject):
        environment.complain(f"Warning: Felix drops all traffic of the profile's endpoints. {rules.message}")
    elif rules is not None:
        warn_of_dropped_profile(name, rules, environment)
    return 0


def _tag_remove(name: str, tag: str, environment: Environment) -> int:
    def without_tag(tags: list[str]) -> list[str]:
        if tag not in tags:
            raise CommandError(f"Tag {tag} is not on profile {name}")
        return [other for other in tags if other != tag]

    profiles_and_networks(environment).edit_tags(name, without_tag)
    environment.say(f"Tag {visible(tag)} removed from profile {name}")
    return 0


# Arguments. All are checked before anything is read, with legacy's messages in legacy's order.


def _invalid_arguments(arguments: Arguments) -> Iterator[str]:
    name = arguments["<PROFILE>"]
    creates = arguments["add"] and not arguments["tag"] and not arguments["rule"]
    if not (is_profile_name if creates else is_stored_profile_name)(name):
        yield invalid_profile_names([name])
    tags = [arguments[tag] for tag in ("<SRCTAG>", "<DSTTAG>", *(["<TAG>"] if arguments["add"] else []))]
    is_valid = is_stored_tag if arguments["remove"] else is_tag
    invalid_tags = [tag for tag in tags if tag is not None and not is_valid(tag)]
    if invalid_tags:
        yield complaint(
            "Tags names can only contain numbers, letters, dots, dashes and underscores.",
            f"{provided(invalid_tags)}; a tag has 1 to 128 characters",
        )
    if arguments["rule"]:
        from calicoctl.commands.profile_rules import invalid_rule_arguments

        yield from invalid_rule_arguments(arguments)
