"""Print the figures as the Markdown tables of docs/performance.md, and report those above their bounds."""

from __future__ import annotations


class Report:
    """Prints headings and tables line by line, and remembers the figures that are above their bounds."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self._title = ""

    def heading(self, title: str) -> None:
        """Begin a section."""
        self._title = title
        print(f"\n## {title}\n", flush=True)

    def columns(self, *titles: str) -> None:
        """Begin a table."""
        self.row(*titles)
        print("|---" * len(titles) + "|")

    def row(self, *cells: str) -> None:
        """Print a row of the current table."""
        print("|" + "".join(f" {cell} |" if cell else " |" for cell in cells), flush=True)

    def bounded(self, name: str, value: float, bound: float | None, form: str = ".2f") -> tuple[str, str]:
        """Return two cells: the value, in bold if it is above its bound, and the bound, if there is one.

        A value above its bound is remembered under the name of the section and `name`.
        """
        text = f"{value:{form}}"
        if bound is None:
            return text, ""
        if value <= bound:
            return text, f"{bound:g}"
        self.broken.append(f"{self._title}: {name}: {value:.4g}, at most {bound:g}")
        return f"**{text}**", f"{bound:g}"

    def conclude(self) -> int:
        """Print the figures above their bounds. Returns the exit status: 1 if there are any, else 0."""
        print()
        for line in self.broken:
            print(f"Above its bound: {line}")
        if not self.broken:
            print("Every figure is within its bound.")
        return 1 if self.broken else 0
