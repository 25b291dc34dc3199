"""A page of the documentation as a test: its examples run from top to bottom.

These blocks have a meaning:

    ```console          a transcript (tests/transcript.py), replayed and compared exactly
    ```console root     the same, for a test that runs as root
    ```yaml NAME        the content of a file, for the commands below; also ```json NAME
    ```etcd             the keys below the profiles, one per line
    <!-- @put KEY VALUE -->
                        sets a key of etcd, invisible to the reader

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
    """A block: its language, the word after it and the text. The language of a hidden `@put` is `put`."""

    language: str
    word: str
    text: str


def examples(page: Path) -> list[Example]:
    """Return the blocks of a page that have a language, in order."""
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Example("put", "", f"{put}\n") if put else Example(*block) for *block, put in blocks]


def check_page(page: Path, world: World) -> None:
    """Run the examples of a page; raise AssertionError, with the differences, for an unexpected result."""
    for example in examples(page):
        if example.language == "put":
            check(example.text, world)
        elif example.language == "console" and not example.word:
            check(re.sub("^@@ ", r"\\@@ ", example.text, flags=re.MULTILINE), world)  # a hunk of a diff is not a step
        elif example.language in ("yaml", "json"):
            file = world.folder / example.word
            file.parent.mkdir(exist_ok=True)
            file.write_text(example.text, encoding="utf-8")
        elif example.language == "etcd":
            keys = sorted(world.etcd.keys(PROFILES).items())
            assert "".join(f"{key} {value}\n" for key, value in keys) == example.text
