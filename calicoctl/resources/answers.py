"""The output formats of ``get``: tables like those of Go's calicoctl, names, YAML and JSON."""

from __future__ import annotations

from calicoctl.errors import CommandError
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.resources.kind import Kind

_CUSTOM = "custom-columns="
_MIN_WIDTH, _PADDING = 5, 3  # the settings of Go's tabwriter


class Format:
    """The output format that an option names. Raises CommandError for an unknown name."""

    def __init__(self, name: str, kind: Kind) -> None:
        self._kind = kind
        self._columns: list[str] = []
        self.name = name.removeprefix("=")  # docopt keeps the = of -o=yaml
        if self.name.startswith(_CUSTOM):
            self._columns = self._custom_columns(self.name.removeprefix(_CUSTOM))
            self.name = _CUSTOM
        elif self.name not in ("ps", "wide", "name", "yaml", "yml", "json"):
            raise CommandError(
                f"unrecognized output format '{self.name}'\n"
                f"Known are: ps, wide, name, yaml, json, {_CUSTOM}<COLUMN>[,<COLUMN>...]"
            )
        elif self.name == "ps":
            self._columns = list(kind.ps)
        elif self.name == "wide":
            self._columns = list(kind.wide)

    def _custom_columns(self, listed: str) -> list[str]:
        columns = [column.strip().upper() for column in listed.split(",") if column.strip()]
        if not columns:
            raise CommandError("need to specify at least one column")
        for column in columns:
            if column not in self._kind.columns:
                raise CommandError(
                    f"Unknown heading {column}, valid values are: {', '.join(sorted(self._kind.columns))}"
                )
        return columns

    def needs_contents(self) -> bool:
        """Tell whether the format shows more than the identity of an object."""
        return self.name != "name" and not (self._columns and set(self._columns) <= set(self._kind.of_identity))

    def is_of_documents(self) -> bool:
        """Tell whether the format shows resources as documents."""
        return self.name in ("yaml", "yml", "json")

    def say_documents(self, document: Any, environment: Environment) -> None:
        """Print a document, or a list of documents."""
        from calicoctl.resources import text

        write = text.to_json if self.name == "json" else text.to_yaml
        environment.say(write(document, environment.takes_all_characters()))

    def lines(self, records: list[Any]) -> str:
        """Return a table of stored resources, or one line with the identity of each."""
        if self.name != "name":
            return self._table(records)
        return "\n".join(visible(str(self._kind.identity_of(record))) for record in records)

    def _table(self, records: list[Any]) -> str:
        lines = [""] * (len(records) + 1)
        for name in self._columns:
            cells = [name, *(visible(self._kind.columns[name](record)) for record in records)]
            width = max(_MIN_WIDTH, *(len(cell) + _PADDING for cell in cells))
            lines = [line + cell.ljust(width) for line, cell in zip(lines, cells, strict=True)]
        return "\n".join(lines) + "\n"
