"""`python -m manual` writes all pages; see CONTRIBUTING.md."""

from __future__ import annotations

import sys

from manual.examples import MissingExample
from manual.files import stale, write


def main() -> int:
    """Write what is out of date, and say so; return the exit status."""
    try:
        paths = stale()
    except MissingExample as error:
        print(error, file=sys.stderr)
        return 1
    for path in paths:
        print(f"Writing {path}" if write(path) else f"Removing {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
