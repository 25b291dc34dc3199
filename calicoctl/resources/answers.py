"""The answers of ``get``: tables as Go's calicoctl draws them, names, YAML and JSON."""

from __future__ import annotations

from calicoctl.errors import CommandError
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.resources.kind import Kind

_CUSTOM = "custom-columns="
_NARROWEST, _PADDING = 5, 3  # of Go's tabwriter


class Format:
    """An output format by its name on the command line. Raises CommandError if there is none of that name."""

    def __init__(self, name: str, kind: Kind) -> None:
        self._kind = kind
        self._columns: list[str] = []
        self.name = name.removeprefix("=")  # of -o=yaml
        if self.name.startswith(_CUSTOM):
            self._columns = self._custom_columns(self.name.removeprefix(_CUSTOM))
            self.name = _CUSTOM
        elif self.name not in ("ps", "wide", "name", "yaml", "yml", "json"):
            raise CommandError(
                f"unrecognized output format '{self.name}'\n"
                f"Known are: ps, wide, name, yaml, json, {_CUSTOM}<COLUMN>[,<COLUMN>...]"
            )
        elif self.name in ("ps", "name"):
            self._columns = ["NAME"]
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
        """Tell whether more of a resource than its name is shown."""
        return self._columns != ["NAME"]

    def show(self, records: list[Any], environment: Environment, export: bool, as_list: bool, version: str) -> None:
        """Print resources; ``as_list`` prints them as the list of their kind, which is at ``version``."""
        if self.name == "name":
            for record in records:
                environment.say(visible(self._kind.name_of(record)))
        elif self._columns:
            environment.say(self._table(records))
        else:
            documents = [self._kind.to_document(record, export) for record in records]
            document: Any = documents[0] if len(documents) == 1 else documents
            if as_list:
                document = {
                    "kind": f"{self._kind.name}List",
                    "apiVersion": self._kind.api_version,
                    "metadata": {} if export else {"resourceVersion": version},
                    "items": documents,
                }
            from calicoctl.resources import text

            write = text.to_json if self.name == "json" else text.to_yaml
            environment.say(write(document, environment.takes_all_characters()))

    def _table(self, records: list[Any]) -> str:
        lines = [""] * (len(records) + 1)
        for name in self._columns:
            cells = [name, *(visible(self._kind.columns[name](record)) for record in records)]
            width = max(_NARROWEST, *(len(cell) + _PADDING for cell in cells))
            lines = [line + cell.ljust(width) for line, cell in zip(lines, cells, strict=True)]
        return "\n".join(lines) + "\n"
