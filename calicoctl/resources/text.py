"""Documents as YAML that all readers interpret alike, and as JSON. Both are safe to print on a terminal."""

from __future__ import annotations

import json
from functools import cache

from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

_NO_FOLDING = 1_000_000  # the maximum line width, so that PyYAML never folds a line


def to_yaml(document: Any, with_unicode: bool = True, sort_fields: bool = True) -> str:
    """Return a value as YAML. Strings that some YAML reader might misinterpret are quoted.

    Without ``with_unicode``, non-ASCII characters are written as YAML escapes. ``sort_fields`` sorts mappings by name.
    """
    import yaml

    options: dict[str, Any] = {"sort_keys": sort_fields, "allow_unicode": with_unicode, "width": _NO_FOLDING}
    try:
        text: str = yaml.dump(document, Dumper=_dumper(True, with_unicode), default_flow_style=False, **options)
    except UnicodeEncodeError:  # a lone surrogate, which JSON can contain: libyaml cannot write it
        text = yaml.dump(document, Dumper=_dumper(False, with_unicode), default_flow_style=False, **options)
    # The escapes of `visible` are also valid YAML, and strings that need them are in double quotes.
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
        needs_escapes = not text.isprintable() or not (with_unicode or text.isascii())
        style = '"' if needs_escapes or not is_plain_safe(text) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, text_node)
    Dumper.add_multi_representer(dict, base.represent_dict)
    return Dumper


def to_json(document: Any, with_unicode: bool = True) -> str:
    """Return a document as JSON; the order of fields is kept. ``with_unicode`` as for `to_yaml`."""
    text = json.dumps(document, indent=2, ensure_ascii=not with_unicode)
    return "\n".join(line if line.isprintable() else "".join(map(_in_json, line)) for line in text.split("\n"))


def _in_json(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
