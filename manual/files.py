"""The files that the pages are written to."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from manual import markdown, roff
from manual.examples import check_that_all_are_used
from manual.pages import pages

ROOT = Path(__file__).parents[1]
REFERENCE = Path("docs", "reference")
MAN = Path("docs", "man")


@cache
def contents() -> dict[Path, str]:
    """Return what each file of the manual should hold, by its path from the root of the project.

    Raises manual.examples.MissingExample.
    """
    made = pages()
    check_that_all_are_used({page.stem for page in made})
    return {
        REFERENCE / "README.md": markdown.index(made),
        **{REFERENCE / f"{page.stem}.md": markdown.page(page) for page in made},
        **{MAN / f"{page.stem}.{roff.SECTION}": roff.page(page) for page in made},
    }


def stale() -> list[Path]:
    """Return the files that are out of date, missing or superfluous. Raises MissingExample."""
    present = {
        path.relative_to(ROOT): path.read_text(encoding="utf-8")
        for folder in (REFERENCE, MAN)
        for path in (ROOT / folder).glob("*.*")
    }
    wanted = contents()
    return sorted(path for path in present.keys() | wanted.keys() if present.get(path) != wanted.get(path))


def write(path: Path) -> bool:
    """Write a file of the manual, or remove it if it is superfluous; return whether it was written."""
    text = contents().get(path)
    if text is None:
        (ROOT / path).unlink()
        return False
    (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / path).write_text(text, encoding="utf-8")
    return True
