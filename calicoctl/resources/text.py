"""Documents as text: YAML that every reader takes for the same, and JSON. A terminal can be sent both."""

from __future__ import annotations

import json
from functools import cache

from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

_NO_FOLDING = 1_000_000  # characters in a line


def to_yaml(document: Any, with_unicode: bool = True, sort_fields: bool = True) -> str:
    """Return a value in YAML, texts that some reader would take for something else in quotes.

    Without ``with_unicode`` all but ASCII is written in YAML's escapes. ``sort_fields`` sorts mappings by their names.
    """
    import yaml

    options: dict[str, Any] = {"sort_keys": sort_fields, "allow_unicode": with_unicode, "width": _NO_FOLDING}
    try:
        text: str = yaml.dump(document, Dumper=_dumper(True, with_unicode), default_flow_style=False, **options)
    except UnicodeEncodeError:  # half of a surrogate pair, as JSON can hold it: libyaml cannot write that
        text = yaml.dump(document, Dumper=_dumper(False, with_unicode), default_flow_style=False, **options)
    # The escapes of `visible` are YAML's too, and what needs them stands in double quotes.
    return "\n".join(map(visible, text.rstrip("\n").split("\n")))


@cache
def _dumper(fast: bool, with_unicode: bool) -> Any:
    import yaml

    from calicoctl.resources.documents import is_plain_safe

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper) if fast else yaml.SafeDumper

    class Dumper(base):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text_node(dumper: Any, text: str) -> Any:
        is_written_as_it_is = text.isprintable() and (with_unicode or text.isascii())
        style = None if is_plain_safe(text) and is_written_as_it_is else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, text_node)
    Dumper.add_multi_representer(dict, base.represent_dict)
    return Dumper


def to_json(document: Any, with_unicode: bool = True) -> str:
    """Return a document in JSON, its fields in the order they have; ``with_unicode`` as for `to_yaml`."""
    text = json.dumps(document, indent=2, ensure_ascii=not with_unicode)
    return "\n".join(line if line.isprintable() else "".join(map(_in_json, line)) for line in text.split("\n"))


def _in_json(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
