"""The program calicoq: its grammar, and the call of the command that argv names."""

from __future__ import annotations

import importlib

from calicoctl import cli, grammar
from calicoctl.environment import SYSTEM_FILE, Environment
from calicoctl.errors import CommandError
from calicoctl.output import visible
from calicoctl.usage.table import Command, by_name

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

_COMMON = "[--felix=<version>] [--snapshot=<file>] [--with=<file>]... [--output=<format>] [--debug]"
_LISTING = f"[--hide-selectors] [--hide-rule-matches] {_COMMON}"
COMMANDS = by_name(
    Command(
        "endpoint",
        """The policies and profiles of each endpoint whose full name has
<substring> in it, and the rules, of whichever policies and
profiles, that name it as a source or destination. A full name is
<host>/<orchestrator>/<workload>/<endpoint>, that of a host
endpoint <host>/<endpoint>.""",
        usage=[f"endpoint <substring> {_LISTING}"],
    ),
    Command("host", "The same for the endpoints of one host.", usage=[f"host <hostname> {_LISTING}"]),
    Command(
        "policy",
        "The endpoints that a policy applies to, and those its rules name.",
        usage=[f"policy <policy-name> {_LISTING}"],
    ),
    Command(
        "eval",
        "The endpoints that a selector matches.",
        usage=[f"eval <selector> {_COMMON}"],
    ),
    Command(
        "verdict",
        """Whether a packet would pass from one endpoint or IP address to
another, and which rule decides. <protocol> is tcp, udp, icmp,
icmpv6, sctp, udplite or a number; <port> is the destination port,
for ICMP the type or type/code.""",
        failure_status=2,
        usage=[f"verdict <from> <to> [<protocol> [<port>]] [--source-port=<port>] {_COMMON}"],
    ),
    Command(
        "reach",
        """Who can open which connections to whom: all of it, or what
begins or ends at <substring>.""",
        failure_status=2,
        usage=[f"reach [<substring>] [--from=<end>] [--to=<end>] [--only=<packets>] [--exposure] [--pairs] {_COMMON}"],
    ),
    Command(
        "explain",
        """All packets from one end to another, or those of <protocol> and
<ports>, by what decides on them. Ends are given as for --from.""",
        failure_status=2,
        usage=[f"explain <from> <to> [<protocol> [<ports>]] {_COMMON}"],
    ),
    Command(
        "diff",
        """The flows that a change opens (+) and closes (-): documents that
would be applied, or from a saved datastore to another or to now.""",
        failure_status=2,
        usage=[
            "diff [<substring>] [--before=<file>] [--after=<file>] [--from=<end>] [--to=<end>] [--only=<packets>] "
            f"{_COMMON}"
        ],
    ),
    Command(
        "check",
        """All in the datastore that Felix drops, rejects or reads otherwise
than its author thinks, and what stops BIRD's configuration.""",
        failure_status=2,
        usage=[f"check [--all] [--errors-only] {_COMMON}"],
    ),
    Command(
        "lint",
        """Rules that do nothing, and what nobody uses; of all profiles,
policies and tiers, or of those that are named.""",
        failure_status=2,
        usage=[f"lint [<name>]... [--strict] {_COMMON}"],
    ),
    Command(
        "test",
        """Whether the flows are as files of expectations say. --record
prints such a file for the flows that there are now.""",
        failure_status=2,
        usage=[f"test [<file>]... [--record] {_COMMON}"],
    ),
    Command(
        "snapshot",
        """All of Calico's keys, for --snapshot, for git or for a ticket:
as JSON, to a file or to standard output.""",
        usage=["snapshot [<snapshot>] [--anonymize] [--snapshot=<file>] [--with=<file>]... [--debug]"],
    ),
    Command("explain-code", "What a code of check or lint means, or all codes.", usage=["explain-code [<code>]"]),
    Command("version", "The version of calicoq.", usage=["(version | --version)"]),
    Command("help", "This text, or what it says of one command.", usage=["help [<command>]"]),
)

_FORMATS = {  # in addition to ps; other commands have json and yaml
    **dict.fromkeys(("reach", "diff"), ("json", "yaml", "csv", "md", "dot", "html")),
    **dict.fromkeys(("explain", "check", "lint"), ("json", "yaml", "csv", "md")),
    "test": ("json", "yaml", "csv", "md", "tap", "junit"),
}


def _usage_lines(*commands: Command) -> str:
    return "\n".join(f"  calicoq {line}" for command in commands for line in command.usage)


def _summaries(*commands: Command) -> str:
    indented = "\n" + " " * 15
    return "\n".join(f"  {command.name:<12} {command.summary}".replace("\n", indented) for command in commands)


USAGE = f"""
Show which Calico profiles and policies apply to which endpoints, and why.

Usage:
{_usage_lines(*COMMANDS.values())}

Commands:
{_summaries(*COMMANDS.values())}

Options:
  -r --hide-rule-matches     Don't show the list of profiles and policies whose
                             rule selectors match the endpoint as an allowed or
                             disallowed source/destination.
  -s --hide-selectors        Don't show the detailed selector expressions involved
                             (that cause each displayed profile or policy to match
                             the endpoint).
  -o <format> --output=<format>
                             json or yaml, for programs; csv or md, tables, of reach,
                             explain, diff, check, lint and test; of reach and diff
                             also dot, a graph for Graphviz, and html, a page for a
                             browser; of test tap and junit. [default: ps]
  --source-port=<port>       The port that the packet comes from.
  --from=<end>               Only flows from an endpoint (its full name or a part of
                             it), an address, a network, or who is meant by
                             profile:NAME, tag:NAME or selector:TEXT.
  --to=<end>                 Only flows to such an end.
  --only=<packets>           Only these packets, as tcp:5432,udp:53:60,icmp:8.
  --exposure                 Also new endpoints that rules wait for: with a tag or
                             labels that nobody has yet.
  --pairs                    A row for each pair of endpoints.
  --snapshot=<file>          Look at what snapshot saved, - for standard input,
                             and not at etcd.
  --with=<file>              Look at it as if these documents (calicoctl apply)
                             were applied; nothing is written. May be repeated.
  --anonymize                Replace names, labels and addresses, and keep only what
                             flows depend on.
  --before=<file>            The saved datastore that diff compares with.
  --after=<file>             Another one, in place of what is stored now.
  --record                   Print expectations, as YAML, which all hold now.
  --all                      Every case, not only the first few of each kind.
  --strict                   Exit with 1 if lint finds anything.
  --errors-only              No warnings and no notes.
  --felix=<version>          Whose rules count: 1, Felix 1.4, or 2, Felix 2.2 and
                             later. [default: 1]
  -d --debug                 Say on standard error what was read, and where an
                             internal error comes from.
  --version                  As the command version.
  -h --help                  This text.

Exit status:
  0 done; 1 failed, or some objects could not be read and were left out.
  verdict: 0 allowed, 1 denied, 2 not certain, or failed.
  diff: 0 no flow changes, 1 some do, 2 failed.
  test: 0 all expectations hold, 1 some do not, 2 failed.
  lint: 0; with --strict 1 if anything is found; 2 failed.
  check: 0 no errors found, 1 errors found, 2 failed.

etcd is found as by calicoctl: ETCD_AUTHORITY [default: 127.0.0.1:2379] and so on,
or a context or a file, named before the command: calicoq --context=<name> check.
"""


def run(
    argv: Sequence[str],
    variables: Mapping[str, str],
    stdin: TextIO | None,
    stdout: TextIO,
    stderr: TextIO,
    system_file: str = SYSTEM_FILE,
) -> int:
    """Run one command line of calicoq and return its exit status, as ``calicoctl.cli.run`` does for calicoctl."""
    return cli.run_program(_dispatch, argv, Environment(variables, stdin, stdout, stderr, system_file))


def console_main() -> None:
    """Run as the process ``calicoq`` and exit."""
    cli.console_main(run)


def _dispatch(argv: Sequence[str], environment: Environment) -> int:
    argv = cli.without_global_options("calicoq", argv, environment, USAGE, COMMANDS)
    meant = next((COMMANDS[word] for word in argv if word in COMMANDS), None)
    environment.failure_status = meant.failure_status if meant else 1
    arguments = grammar.parse(USAGE, argv)
    if arguments["help"]:
        raise grammar.HelpRequested(_help(arguments["<command>"]))
    name = next((name for name in COMMANDS if arguments[name]), "version")
    output, formats = arguments["--output"], _FORMATS.get(name, ("json", "yaml"))
    if output not in (*formats, "ps"):
        raise CommandError(
            f'Output Format: "{visible(output)}" is not valid. '
            f"Output Format must be one of {', '.join(formats)}, or ps."
        )
    if arguments["--debug"]:
        environment.variables = {**environment.variables, "CALICOCTL_DEBUG": "1"}
    if name != "diff" and (arguments["--snapshot"] is not None or arguments["--with"]):
        from calicoctl.calicoq import sources

        sources.use(arguments["--snapshot"], arguments["--with"], environment)
    command = importlib.import_module(f"calicoctl.calicoq.{COMMANDS[name].module}")
    status: int = command.run(arguments, environment)
    return status


def _help(name: str | None) -> str:
    if name is None:
        return USAGE.strip("\n")
    if name not in COMMANDS:
        from calicoctl.suggestion import unknown_command

        raise CommandError(unknown_command("calicoq", name, COMMANDS))
    options = USAGE.partition("\nOptions:\n")[2].rstrip("\n")
    return f"Usage:\n{_usage_lines(COMMANDS[name])}\n\n{_summaries(COMMANDS[name])}\n\nOptions:\n{options}"
