"""A page of the documentation as a test: its examples are carried out from top to bottom.

What counts on a page:

    ```console          a transcript (tests/transcript.py), replayed and compared to the letter
    ```console root     the same, for a test that is root
    ```yaml NAME        the contents of a file, for the commands below; also ```json NAME
    ```etcd             what is stored below the profiles, a key a line
    <!-- @put KEY VALUE -->
                        sets a key of etcd, unseen by the reader

All other blocks are text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.transcript import World, check

PROFILES = "/calico/v1/policy/profile"
_BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$|^<!-- (@put .*?) -->$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A block: its language, the word behind that and the text. The language of a hidden `@put` is `put`."""

    language: str
    word: str
    text: str


def examples(page: Path) -> list[Example]:
    """Return the blocks of a page in order, other than those of no language."""
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Example("put", "", f"{put}\n") if put else Example(*block) for *block, put in blocks]


def check_page(page: Path, world: World) -> None:
    """Carry out the examples of a page; AssertionError, with the differences, for one that does not go as written."""
    for example in examples(page):
        if example.language == "put":
            check(example.text, world)
        elif example.language == "console" and not example.word:
            check(re.sub("^@@ ", r"\\@@ ", example.text, flags=re.MULTILINE), world)  # a hunk of a diff is no step
        elif example.language in ("yaml", "json"):
            file = world.folder / example.word
            file.parent.mkdir(exist_ok=True)
            file.write_text(example.text, encoding="utf-8")
        elif example.language == "etcd":
            keys = sorted(world.etcd.keys(PROFILES).items())
            assert "".join(f"{key} {value}\n" for key, value in keys) == example.text
