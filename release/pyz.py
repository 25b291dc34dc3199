"""`make pyz`: one file, a zip file with a first line for the shell, that any Python from 3.10 runs."""

from __future__ import annotations

import py_compile
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

from release import tree

TARGET = tree.ROOT / "dist" / "calicoctl.pyz"

# What the file begins with, in words that any Python understands.
MAIN = """\
import os
import sys

if sys.version_info < (3, 10):
    sys.exit("calicoctl needs Python 3.10 or later, and this is Python %d.%d." % sys.version_info[:2])

from calicoctl import start

if os.path.basename(sys.argv[0]).startswith("calicoq"):
    start.calicoq()
start.calicoctl()
"""
_FIRST_LINE = b"#!/usr/bin/env python3\n"
_TIME = (1980, 1, 1, 0, 0, 0)  # the time of every file: equal contents make equal zip files


def build(target: Path) -> None:
    """Build the file. Raises tree.CannotBuild."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "tree")
        tree.make(folder)
        (folder / "__main__.py").write_text(MAIN, encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.write(_FIRST_LINE)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in _contents(folder):
                    info = zipfile.ZipInfo(name, _TIME)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(info, content)
        target.chmod(0o755)


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of all files of a folder, and of the byte-code of each module for this Python.

    Another Python ignores that byte-code and compiles the modules each time, so a command takes at least twice as long.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        yield name, path.read_bytes()
        if path.suffix == ".py":
            yield f"{name}c", _compiled(path, name)


def _compiled(path: Path, name: str) -> bytes:
    compiled = path.with_suffix(".pyc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about the libraries
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(path), str(compiled), name, doraise=True, invalidation_mode=unchecked)
    content = compiled.read_bytes()
    compiled.unlink()
    return content


if __name__ == "__main__":
    tree.main(build, TARGET)
