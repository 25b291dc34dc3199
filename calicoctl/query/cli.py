"""The program calicoq: its grammar, and from argv to one of its commands."""

from __future__ import annotations

import importlib

from calicoctl import cli, grammar
from calicoctl.environment import Environment
from calicoctl.errors import CommandError
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

USAGE = """
Show which Calico profiles and policies apply to which endpoints, and why.

Usage:
  calicoq endpoint <substring> [--hide-selectors] [--hide-rule-matches] [--output=<format>] [--debug]
  calicoq host <hostname> [--hide-selectors] [--hide-rule-matches] [--output=<format>] [--debug]
  calicoq policy <policy-name> [--hide-selectors] [--hide-rule-matches] [--output=<format>] [--debug]
  calicoq eval <selector> [--output=<format>] [--debug]
  calicoq verdict <from> <to> [<protocol> [<port>]] [--source-port=<port>] [--output=<format>] [--debug]
  calicoq check [--output=<format>] [--debug]
  calicoq (version | --version)

Commands:
  endpoint   The policies and profiles of each endpoint whose full name has
             <substring> in it, and the rules, of whichever policies and
             profiles, that name it as a source or destination. A full name is
             <host>/<orchestrator>/<workload>/<endpoint>, that of a host
             endpoint <host>/<endpoint>.
  host       The same for the endpoints of one host.
  policy     The endpoints that a policy applies to, and those its rules name.
  eval       The endpoints that a selector matches.
  verdict    Whether a packet would pass from one endpoint or IP address to
             another, and which rule decides. <protocol> is tcp, udp, icmp,
             icmpv6, sctp, udplite or a number; <port> is the destination port,
             for ICMP the type or type/code.
  check      All in the datastore that Felix drops, rejects or reads otherwise
             than its author thinks.
  version    The version of calicoq.

Options:
  -r --hide-rule-matches     Don't show the list of profiles and policies whose
                             rule selectors match the endpoint as an allowed or
                             disallowed source/destination.
  -s --hide-selectors        Don't show the detailed selector expressions involved
                             (that cause each displayed profile or policy to match
                             the endpoint).
  -o <format> --output=<format>
                             json or yaml, for programs. [default: ps]
  --source-port=<port>       The port that the packet comes from.
  -d --debug                 Say on standard error what was read, and where an
                             internal error comes from.
  --version                  As the command version.
  -h --help                  This text.

Exit status:
  0 done; 1 failed, or some objects could not be read and were left out.
  verdict: 0 allowed, 1 denied, 2 failed.
  check: 0 no errors found, 1 errors found, 2 failed.

etcd is found as by calicoctl: ETCD_AUTHORITY [default: 127.0.0.1:2379] and so on.
"""
COMMANDS = ("endpoint", "host", "policy", "eval", "verdict", "check", "version")
_ANSWERING_BY_STATUS = ("verdict", "check")


def run(argv: Sequence[str], variables: Mapping[str, str], stdin: TextIO | None, stdout: TextIO, stderr: TextIO) -> int:
    """Run one command line of calicoq and return its exit status, as ``calicoctl.cli.run`` does for calicoctl."""
    return cli.run_program(_dispatch, argv, Environment(variables, stdin, stdout, stderr))


def console_main() -> None:
    """Run as the process ``calicoq`` and exit."""
    cli.console_main(run)


def _dispatch(argv: Sequence[str], environment: Environment) -> int:
    if next((word for word in argv if word in COMMANDS), None) in _ANSWERING_BY_STATUS:
        environment.failure_status = 2
    arguments = grammar.parse(USAGE, argv)
    from calicoctl.query.formats import JSON, TEXT, YAML

    output = arguments["--output"]
    if output not in (TEXT, JSON, YAML):
        raise CommandError(
            f'Output Format: "{visible(output)}" is not valid. Output Format must be one of json, yaml, or ps.'
        )
    if arguments["--debug"]:
        environment.variables = {**environment.variables, "CALICOCTL_DEBUG": "1"}
    name = next((name for name in COMMANDS if arguments[name]), "version")
    command = importlib.import_module(f"calicoctl.query.{name}")
    status: int = command.run(arguments, environment)
    return status
