"""The pages of all commands, made from the tables of commands and the usage texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import calicoctl
from calicoctl.calicoq import cli as calicoq
from calicoctl.usage import table
from calicoctl.usage.table import Command
from manual import facts, usage_text
from manual.blocks import Block, Names, Page, Paragraph, Term, Terms
from manual.examples import example

PROGRAMS = ("calicoctl", "calicoq")
_ETCD = (
    "A context, a file, or variables such as ETCD_ENDPOINTS and ETCD_AUTHORITY say where etcd is: see the pages of "
    "calicoctl and 'calicoctl context'."
)


def pages() -> list[Page]:
    """Return the pages of both programs and of each of their commands. Raises manual.examples.MissingExample."""
    return [
        _calicoctl(),
        *map(_command_of_calicoctl, table.COMMANDS.values()),
        _calicoq(),
        *map(_command_of_calicoq, calicoq.COMMANDS.values()),
    ]


def _calicoctl() -> Page:
    """Return the page of the program calicoctl."""
    summary = (calicoctl.__doc__ or "").removeprefix("calicoctl: ").rstrip(".")
    sections: dict[str, Sequence[Block]] = {
        "Synopsis": [usage_text.synopsis(table.OVERVIEW)],
        "Description": [
            Paragraph(
                f"{summary[0].upper()}{summary[1:]}. Each command has a page of its own, and 'calicoctl help COMMAND' "
                "shows its grammar. Answers go to standard output; complaints, warnings and remarks to standard error."
            )
        ],
        **usage_text.sections(table.OVERVIEW),
        **_options_of_all_commands(),
        "Commands": [Terms([Term(command.name, f"{command.summary}.") for command in table.COMMANDS.values()])],
    }
    return _page("calicoctl", summary, sections, facts.ALL_STATUSES)


def _options_of_all_commands() -> dict[str, Sequence[Block]]:
    """Return the options that stand before any command; the usage text of ``context`` explains them."""
    explained = usage_text.sections(table.usage_of(table.COMMANDS["context"]))
    return {title: blocks for title, blocks in explained.items() if title.startswith("Options before the command")}


def _command_of_calicoctl(command: Command) -> Page:
    name = f"calicoctl {command.name}"
    usage = table.usage_of(command)
    sections = {"Synopsis": [usage_text.synopsis(usage)], **usage_text.sections(usage)}
    return _page(name, command.summary, sections, facts.statuses(name, command.failure_status))


def _calicoq() -> Page:
    """Return the page of the program calicoq."""
    beginning = calicoq.USAGE.partition("\nUsage:")[0]
    sections: dict[str, Sequence[Block]] = {
        "Synopsis": [usage_text.synopsis(calicoq.USAGE)],
        "Description": [Paragraph(f"{' '.join(beginning.split())} Each command has a page of its own. None writes.")],
        "Commands": [Terms([Term(each.name, " ".join(each.summary.split())) for each in calicoq.COMMANDS.values()])],
        "Options": usage_text.sections(calicoq.USAGE)["Options"],
    }
    with_results = [f"'calicoq {each.name}'" for each in calicoq.COMMANDS.values() if each.failure_status != 1]
    page = _page("calicoq", beginning.strip().rstrip("."), sections, _statuses_of_calicoq(""))
    remark = Paragraph(f"{' and '.join(with_results)} use the status for their result: see their pages.")
    return replace(page, sections={**page.sections, "Exit status": [*page.sections["Exit status"], remark]})


def _command_of_calicoq(command: Command) -> Page:
    text = " ".join(command.summary.split())
    usage = "Usage:\n" + "\n".join(f"  calicoq {line}" for line in command.usage)
    sections: dict[str, Sequence[Block]] = {
        "Synopsis": [usage_text.synopsis(usage)],
        "Description": [Paragraph(text)],
        "Options": [Terms(list(_options_of(command)))],
    }
    summary = re.split(r"\. |\.$", text)[0]
    return _page(f"calicoq {command.name}", summary, sections, _statuses_of_calicoq(command.name))


def _options_of(command: Command) -> Iterator[Term]:
    """Yield the options in the usage lines of a command of calicoq, and ``--help``."""
    used = {*re.findall(r"--[a-z-]+", " ".join(command.usage)), "--help"}
    for block in usage_text.sections(calicoq.USAGE)["Options"]:
        assert isinstance(block, Terms)
        yield from (term for term in block.terms if used.intersection(re.findall(r"--[a-z-]+", term.name)))


def _statuses_of_calicoq(command: str) -> Sequence[Term]:
    """Return the exit statuses of a command from the usage text; with an empty name, those of most commands.

    The first line of that section is for all commands without a line of their own, which begins with their name.
    """
    section = calicoq.USAGE.partition("\nExit status:\n")[2].partition("\n\n")[0]
    lines = [line.strip() for line in section.split("\n")]
    of_command = [line.removeprefix(f"{command}: ") for line in lines if line.startswith(f"{command}: ")]
    return [
        Term(status, f"{text[0].upper()}{text[1:]}.")
        for line in of_command or lines[:1]
        for status, text in re.findall(r"(\d) (.*?)(?:[;.,] ?(?=\d )|\.?$)", line)
    ]


def _page(name: str, summary: str, sections: dict[str, Sequence[Block]], statuses: Sequence[Term]) -> Page:
    """Complete a page with the sections that every page has."""
    given: Sequence[Block] = sections.pop("Examples", ())
    examples = [*given, *example(name.replace(" ", "-"))]
    common: dict[str, Sequence[Block]] = {
        "Examples": examples,
        "Exit status": [Terms(statuses)],
        "Environment": list(_environment(name)),
        "Files": list(_files(name)),
        "See also": [Names(_related(name))],
    }
    return Page(name, summary, {title: blocks for title, blocks in {**sections, **common}.items() if blocks})


def _environment(name: str) -> Iterator[Block]:
    if name == "calicoq":
        yield Paragraph(_ETCD)
        yield Terms([fact.term for fact in facts.VARIABLES if fact.name in facts.ON_TERMINALS])
        return
    yield from _facts(facts.VARIABLES, name)
    if name not in PROGRAMS and name not in facts.WITHOUT_ETCD:
        yield Paragraph(_ETCD)


def _files(name: str) -> Iterator[Block]:
    """Yield the files of a command; those that say where etcd is if it asks etcd, and for both programs."""
    asks_etcd = name not in facts.WITHOUT_ETCD
    found = [fact.term for fact in facts.FILES if name in fact.commands or name == "calicoctl"
             or (asks_etcd and not fact.commands)]  # fmt: skip
    if found:
        yield Terms(found)


def _facts(known: Sequence[facts.Fact], name: str) -> Iterator[Block]:
    """Yield the variables or files that a command uses; the page of calicoctl lists all."""
    found = [fact.term for fact in known if name in fact.commands or name == "calicoctl"]
    if found:
        yield Terms(found)


def _related(name: str) -> list[str]:
    """Return the names of the pages that a page refers to."""
    program, _, command = name.partition(" ")
    if command:
        return [program]
    commands = table.COMMANDS if program == "calicoctl" else calicoq.COMMANDS
    other = next(each for each in PROGRAMS if each != program)
    return [*(f"{program} {each}" for each in commands), other]

