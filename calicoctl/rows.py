"""Print the rows of a listing as JSON, YAML, CSV, names, or a table with selected columns."""

from __future__ import annotations

from calicoctl.listings import columns_of
from calicoctl.output import table, visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from calicoctl.environment import Environment, Row
    from calicoctl.listings import Listing


def say_rows(rows: Iterable[Row], listing: Listing, environment: Environment) -> None:
    """Print the rows of a listing in the format given by the options before the command."""
    output = environment.options.get("--output", "table")
    named = [row if isinstance(row, dict) else dict(zip(listing.fields, row, strict=True)) for row in rows]
    if output == "name":
        names = [visible(str(row[listing.key])) for row in named]
        names = names if listing.each_row else list(dict.fromkeys(names))
        if names:
            environment.say("\n".join(names))
        return
    columns = columns_of(listing, environment.options)
    chosen = [{column: row[column] for column in columns} for row in named]
    if output == "csv":
        environment.say(_csv(columns, chosen))
    elif output == "table":
        environment.say(table([column.upper() for column in columns], [_cells(row) for row in chosen]))
    else:
        environment.say(_document(chosen, output, environment.takes_all_characters()))


def say_schema(listing: Listing, environment: Environment) -> None:
    """Print the JSON Schema for the output of a listing with ``-o json``."""
    environment.say(_document(listing.schema(), "json", environment.takes_all_characters()))


def _document(value: Any, output: str, with_unicode: bool) -> str:
    from calicoctl.resources.text import to_json, to_yaml

    return to_json(value, with_unicode) if output == "json" else to_yaml(value, with_unicode, sort_fields=False)


def _csv(columns: Sequence[str], rows: list[dict[str, Any]]) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(_cells, rows))
    return text.getvalue().removesuffix("\n")


def _cells(row: dict[str, Any]) -> list[str]:
    return [visible(_cell(value)) for value in row.values()]


def _cell(value: Any) -> str:
    """Return a value as text: lists joined by blanks, null as an empty text, and other types than text as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    if value is None:
        return ""
    import json

    return json.dumps(value)
