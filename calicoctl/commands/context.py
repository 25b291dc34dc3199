"""calicoctl context: list and choose contexts, and show which settings of etcd apply."""

from __future__ import annotations

from calicoctl.configuration.order import choose_context, contexts, current_context
from calicoctl.configuration.values import VARIABLES, of_environment
from calicoctl.errors import CommandError
from calicoctl.etcd.settings import Settings, masked
from calicoctl.output import table

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

    from calicoctl.configuration.values import Value
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_USER = ("ETCD_USERNAME", "ETCD_PASSWORD")
_DEFAULTS = {"ETCD_AUTHORITY": "127.0.0.1:2379", "ETCD_SCHEME": "http"}


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``context`` command line and return the exit status. Raises CommandError."""
    if arguments["list"]:
        _list(environment)
    elif arguments["use"]:
        _use(arguments["<CONTEXT>"], environment)
    else:
        _show(environment)
    return 0


def _list(environment: Environment) -> None:
    found, current = contexts(environment.variables), current_context(environment.variables)
    rows = []
    for name, source in found.by_name.items():
        address = source.address()
        rows.append([name, name == current, masked(address.text) if address else ""])
    if not environment.say_rows(rows):
        starred = [(name, "*" if chosen else "", etcd) for name, chosen, etcd in rows]
        environment.say(table(["Name", "Current", "etcd"], starred))
    if not rows:
        environment.complain(f"There are no contexts in {found.path}; see 'calicoctl context --help'.")


def _use(name: str | None, environment: Environment) -> None:
    variables = environment.variables
    if name is None:
        choose_context(variables, "")
        environment.say("No context is chosen.")
        return
    contexts(variables).context(name)
    choose_context(variables, name)
    environment.say(f"Context {name} is chosen.")
    if of_environment(variables).address():
        environment.complain(
            "Warning: environment variables set the address of etcd and take precedence over the context. Unset\n"
            f"ETCD_ENDPOINTS and ETCD_AUTHORITY, or name the context in the command: calicoctl --context={name} ..."
        )


def _show(environment: Environment) -> None:
    configuration = environment.configuration()
    problem = None
    try:
        endpoints = Settings.from_environment(configuration.variables()).endpoints
    except CommandError as error:
        problem, endpoints = error, []
    rows = _rows(configuration.values, endpoints)
    if not environment.say_rows(rows):
        environment.say(table(["Setting", "Value", "From"], rows))
    for source in configuration.passed_over():
        environment.complain(f"Ignored: {source.title}, because {configuration.decided_by} sets the address of etcd.")
    if problem:
        raise problem


def _rows(values: Mapping[str, Value], endpoints: list[str]) -> list[list[str]]:
    """Return a row for each setting that applies. ``endpoints`` holds the URLs, without a user, if they are valid."""
    listed = "ETCD_ENDPOINTS" in values
    with_user = listed and "@" in values["ETCD_ENDPOINTS"].text
    rows = []
    for name in VARIABLES.values():
        if (name in ("ETCD_AUTHORITY", "ETCD_SCHEME") and listed) or (name in _USER and with_user):
            continue
        if name in values:
            shown = "***" if name == "ETCD_PASSWORD" else masked(values[name].text)
            if name == "ETCD_ENDPOINTS" and endpoints:
                shown = ",".join(url.replace("://", "://***@") if with_user else url for url in endpoints)
            rows.append([name, shown, values[name].place])
        elif name in _DEFAULTS:
            rows.append([name, _DEFAULTS[name], "default"])
    return rows
