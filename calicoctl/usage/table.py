"""The table of calicoctl's commands, used for dispatch, the overview, ``help`` and completion.

The table of calicoq's commands is in ``calicoctl.calicoq.cli``.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence


class Command:
    """A row of a table of commands.

    ``summary`` is the description of the command in the help: one line for calicoctl, a paragraph for calicoq.
    ``usage`` holds the usage lines of a command of calicoq. The commands of calicoctl have usage texts of their own.
    ``failure_status`` is the exit status of a failure: 1, or 2 for a command that uses 1 as a result.
    """

    def __init__(self, name: str, summary: str, failure_status: int = 1, usage: Sequence[str] = ()) -> None:
        self.name = name
        self.summary = summary
        self.failure_status = failure_status
        self.usage = usage
        self.module = name.replace("-", "_")  # the name of its module in ``commands/`` and ``usage/``, or ``calicoq/``


def by_name(*commands: Command) -> dict[str, Command]:
    """Return commands by name, in the order of the help."""
    return {command.name: command for command in commands}


# First legacy's commands, with its summaries and in its order, then the new ones.
COMMANDS = by_name(
    Command("status", "Print current status information"),
    Command("node", "Configure the main calico/node container and establish Calico networking"),
    Command("container", "Configure containers and their addresses"),
    Command("profile", "Configure endpoint profiles"),
    Command("endpoint", "Configure the endpoints assigned to existing containers"),
    Command("pool", "Configure ip-pools"),
    Command("bgp", "Configure global bgp"),
    Command("ipam", "Configure IP address management"),
    Command("checksystem", "Check for incompatibilities on the host system"),
    Command("diags", "Save diagnostic information"),
    Command("version", "Display the version of calicoctl"),
    Command("config", "Configure low-level component configuration"),
    Command("create", "Create resources from files"),
    Command("apply", "Create or change resources from files"),
    Command("replace", "Replace resources from files"),
    Command("delete", "Delete resources"),
    Command("get", "Show resources"),
    Command("validate", "Check files of resources, without etcd"),
    Command("edit", "Change a resource in an editor"),
    Command("diff", "Show what applying files would change", failure_status=2),
    Command("backup", "Save everything that is in etcd to a file"),
    Command("restore", "Write a saved file back to etcd"),
    Command("context", "Choose which etcd the commands work with"),
    Command("find", "Find objects by address, name, label or tag"),
    Command("completion", "Let a shell complete command lines"),
    Command("help", "Show this text, or the help of a command"),
)


def usage_of(command: Command) -> str:
    """Return the usage text of a command of calicoctl. It is also the help text."""
    text: str = importlib.import_module(f"calicoctl.usage.{command.module}").USAGE
    return text


OVERVIEW = f"""\
Override the host:port of the ETCD server by setting the environment variable:
ETCD_ENDPOINTS [example: http://1.2.3.4:2379,http://1.2.3.5:2379]
or, if ETCD_ENDPOINTS is left unset:
ETCD_AUTHORITY [default: 127.0.0.1:2379]

Usage: calicoctl <command> [<args>...]

{chr(10).join(f"    {command.name:<18}{command.summary}" for command in COMMANDS.values())}

See 'calicoctl <command> --help' to read about a specific subcommand.
"""
