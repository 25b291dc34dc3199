"""The examples of the pages: transcripts as tests/transcript.py describes them, each a file of ``manual/examples/``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from calicoctl import __version__
from manual.blocks import Block, Literal, Paragraph

FOLDER = Path(__file__).parent / "examples"


class MissingExample(Exception):
    """A command without an example, or an example without a command; the text says what to do."""


def path_of(stem: str) -> Path:
    """Return the path of the example of a page."""
    return FOLDER / f"{stem}.txt"


def transcript(stem: str) -> str:
    """Return the example of a page as it stands in the file, with the version in the place of @VERSION@.

    Raises MissingExample.
    """
    path = path_of(stem)
    if not path.exists():
        raise MissingExample(
            f"The page {stem} has no example. Write manual/examples/{path.name}: a transcript, as those beside it and "
            "as tests/transcript.py describes. Comments become paragraphs; @put and @keys are not shown. Then run "
            "`make reference`, and commit what it writes."
        )
    return path.read_text(encoding="utf-8").replace("@VERSION@", __version__)


def example(stem: str) -> list[Block]:
    """Return the example of a page: comments as paragraphs, commands and their outcomes as a session.

    Raises MissingExample.
    """
    return list(_blocks(transcript(stem)))


def check_that_all_are_used(stems: set[str]) -> None:
    """Raise MissingExample if an example belongs to no page."""
    unused = sorted(path.name for path in FOLDER.glob("*.txt") if path.stem not in stems)
    if unused:
        raise MissingExample(f"No command has the name of manual/examples/{unused[0]}: remove or rename the file.")


def _blocks(transcript: str) -> Iterator[Block]:
    """Yield the blocks of a transcript."""
    steps = re.split(r"^(?=\$ |# |@)", transcript, flags=re.MULTILINE)
    shown = [step for step in steps if step.startswith(("$ ", "# "))]
    while shown:
        kind = shown[0][:2]
        together = [shown.pop(0)]
        while shown and shown[0].startswith(kind):
            together.append(shown.pop(0))
        if kind == "# ":
            yield Paragraph(" ".join("".join(step[2:] for step in together).split()))
        else:
            yield Literal("".join(map(_as_on_terminal, together)).rstrip("\n"), is_session=True)


def _as_on_terminal(step: str) -> str:
    """Return a command and its outcome as a terminal shows them, without the marks of a transcript."""
    return "".join(map(_line_on_terminal, step.removesuffix("\n").split("\n")))


def _line_on_terminal(line: str) -> str:
    if line == "\\":  # marks a line before it that does not end with a newline
        return ""
    if status := re.fullmatch(r"\[(\d+)\]", line):
        return f"$ echo $?\n{status[1]}\n"
    return re.sub(r"^(\\|! ?)", "", line) + "\n"
