"""calicoctl config: show, set and remove single settings of Felix and BIRD."""

from __future__ import annotations

from calicoctl.commands.node_choice import RefusesAbsent, host_of, warn_if_absent
from calicoctl.datastore import keys
from calicoctl.datastore.parameters import Parameter
from calicoctl.errors import CommandError
from calicoctl.felix.parameters import ending
from calicoctl.host.hostname import is_utf8
from calicoctl.output import complaint, paragraph, visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_LOG_LEVELS_OF_FELIX = ("none", "debug", "info", "warning", "error", "critical")
_LOG_LEVELS_OF_BGP = ("none", "debug", "info")
_LOG_LEVEL = "loglevel"
# Settings that other commands write after checking them, and a directory.
_ELSEWHERE = {
    "as_num": "Use 'calicoctl bgp default-node-as', or 'calicoctl node --as=<AS_NUM>' for one node.",
    "node_mesh": "Use 'calicoctl bgp node-mesh'.",
    "peer_v4": "Use 'calicoctl bgp peer' or 'calicoctl node bgp peer'.",
    "peer_v6": "Use 'calicoctl bgp peer' or 'calicoctl node bgp peer'.",
    "ip_addr_v4": "Use 'calicoctl node --ip=<IP>'.",
    "ip_addr_v6": "Use 'calicoctl node --ip6=<IP6>'.",
    "custom_filters": "It is a directory, from which BIRD's filters are read.",
}


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``config`` command line and return the exit status. Raises CommandError."""
    host = host_of(arguments, environment) if arguments["node"] else None
    key, values = _setting(arguments, host, environment)
    value = arguments["<VALUE>"]
    if arguments["--remove"]:
        return _remove(key, environment)
    if value is None:
        return _show(key, environment)
    _check_value(value, values, arguments["--force"], environment)
    if arguments["felix"] and (problem := ending(keys.last_segment(key), value)):
        environment.complain(f"Warning: Felix ends when it starts with '{value}': {problem}.")
    return _set(key, value, host, arguments["--force"], environment)


def _setting(arguments: Arguments, host: str | None, environment: Environment) -> tuple[str, Sequence[str]]:
    """Return the key of a setting and its valid values; empty if every value is valid. Raises CommandError."""
    name = arguments["<NAME>"]
    of_felix = arguments["felix"]
    if name == _LOG_LEVEL:
        if of_felix:
            return keys.felix_parameter("LogSeverityScreen"), _LOG_LEVELS_OF_FELIX
        return keys.bgp_setting(_LOG_LEVEL, host), _LOG_LEVELS_OF_BGP
    if not of_felix and name in _ELSEWHERE:
        raise CommandError(f"'{name}' cannot be set with 'calicoctl config'. {_ELSEWHERE[name]}")
    unknown = f"The configuration '{name}' is not recognized as a valid option."
    _override(unknown, arguments["--force"], environment)
    if "/" in name or name in ("", ".", "..") or name.startswith("_") or not is_utf8(name):
        raise CommandError(
            f"Invalid configuration name: '{name}'. It must be valid UTF-8, and must not be "
            "empty, contain a slash, begin with '_', or be '.' or '..'."
        )
    return keys.felix_parameter(name) if of_felix else keys.bgp_setting(name, host), ()


def _check_value(value: str, values: Sequence[str], force: bool, environment: Environment) -> None:
    unknown = f"The configuration value '{value}' is not recognized as a valid value."
    if not value:
        raise CommandError(complaint(unknown, "It is empty; --remove removes a value."))
    if not is_utf8(value):
        raise CommandError(complaint(unknown, "It is not UTF-8."))
    if values and value not in values:
        _override(unknown, force, environment, f"It must be one of {', '.join(values)}.")


def _override(problem: str, force: bool, environment: Environment, remedy: str = "") -> None:
    """Print the problem if ``--force`` is given. Otherwise raise CommandError."""
    text = complaint(problem, remedy)
    if not force:
        raise CommandError(f"{text}\n{paragraph('Use the --force option to override.')}")
    environment.complain(text)
    environment.complain(paragraph("The --force option is set."))


def _show(key: str, environment: Environment) -> int:
    value = Parameter(environment.client(), key).get()
    environment.say(visible(value) if value else "No value configured")
    return 0


def _remove(key: str, environment: Environment) -> int:
    removed = Parameter(environment.client(), key).remove()
    environment.say("Value removed" if removed else "No value configured")
    return 0


def _set(key: str, value: str, host: str | None, force: bool, environment: Environment) -> int:
    client = environment.client()
    if host is None:
        Parameter(client, key).set(value)
        return 0
    if force:
        warn_if_absent(host, environment)
    with RefusesAbsent(host, environment):
        Parameter(client, key, None if force else host).set(value)
    return 0
