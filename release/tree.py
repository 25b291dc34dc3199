"""A folder with calicoctl and all libraries that it needs, which any supported Python can import from."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
OLDEST_PYTHON = "3.10"
PYTHONS = (OLDEST_PYTHON, "3.11", "3.12", "3.13", "3.14")

# python-etcd looks etcd up by DNS with it, which calicoctl does not do: etcd/https.py loads python-etcd without it.
_NEVER_LOADED = {"dnspython"}
# Compiled modules are for one Python and one machine; the libraries that have some do without. The largest files of
# netaddr are about the makers of network cards.
_LEFT_OUT = re.compile(
    r"^\.\./|__pycache__/|/tests?/|\.so$|^netaddr/eui/.*\.(idx|txt)$|\.dist-info/(INSTALLER|RECORD|REQUESTED|direct_url.json)$"
)


class CannotBuild(Exception):
    """The file or the package cannot be built here; the text says why and what to do."""


def make(folder: Path) -> None:
    """Copy calicoctl, and the libraries in the versions of this environment, into a new folder. Raises CannotBuild."""
    needed = libraries()
    shutil.copytree(ROOT / "calicoctl", folder / "calicoctl", ignore=shutil.ignore_patterns("__pycache__"))
    for library in needed:
        for path in library.files or ():
            if not _LEFT_OUT.search(path.as_posix()):
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(library.locate_file(path)), target)


def libraries() -> list[Distribution]:
    """Return the libraries that calicoctl needs for all of its commands, Docker's included. Raises CannotBuild."""
    found: dict[str, Distribution] = {}
    waiting = list(_required(_installed("calicoctl"), {"docker"}))
    while waiting:
        requirement = waiting.pop()
        name = requirement.name.lower()
        if name not in found and name not in _NEVER_LOADED:
            found[name] = _installed(requirement.name)
            _check_python(found[name])
            waiting += _required(found[name], requirement.extras)
    return [found[name] for name in sorted(found)]


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise CannotBuild(f"{name} is not installed here: `make pyz` and `make deb` install it first.") from None


def _required(library: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """Yield what a library, with extras of it, requires on any of the Pythons."""
    cases = [
        {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
        for python in PYTHONS
        for extra in extras or {""}
    ]
    for requirement in map(Requirement, library.requires or ()):
        if requirement.marker is None or any(map(requirement.marker.evaluate, cases)):
            yield requirement


def _check_python(library: Distribution) -> None:
    """Raise CannotBuild if a library does not run on the oldest Python."""
    supported = library.metadata["Requires-Python"] or ""
    if not SpecifierSet(supported).contains(f"{OLDEST_PYTHON}.0"):
        raise CannotBuild(
            f"{library.name} {library.version} needs Python {supported}. Build with Python {OLDEST_PYTHON}, for which "
            "pip chooses versions that run on all: "
            f"`make clean`, then `make PYTHON=python{OLDEST_PYTHON} pyz` or `deb`."
        )


def main(build: Callable[[Path], None], target: Path) -> None:
    """Build a file and print its path and size. If it cannot be built, exit with the message and status 1."""
    try:
        build(target)
    except CannotBuild as error:
        sys.exit(str(error))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.1f} MB")
