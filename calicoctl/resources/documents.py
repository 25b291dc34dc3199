"""A reader of YAML and JSON documents that keeps scalars as they were written.

Versions of YAML disagree on how to convert unquoted text to numbers, booleans and dates: ``10:20`` is 620 or a string,
``010`` is 8 or 10, ``y`` may be true. So this reader converts nothing. It returns an unquoted scalar as `Plain`, the
text as written, and the code that knows the type of a field converts it. An unquoted ``null`` or ``~``, or an empty
value, is None.
"""

from __future__ import annotations

import json
import math
import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_MOST_DIGITS = 4300  # Python's default limit for decimal numbers
_INTEGERS = ((_DECIMAL, 10), (re.compile(r"0x[0-9A-Fa-f]{1,3500}"), 16), (re.compile(r"0o[0-7]{1,4700}"), 8))
_LEADING_ZEROS = re.compile(r"[-+]?0[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_JSON_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:]|NaN|-?Infinity')

_DEEPEST = 150
_MOST_VALUES = 2_000_000  # with aliases, a few lines can expand to more values than fit into memory

_TEXT = "tag:yaml.org,2002:str"
_PLAIN_TAGS = tuple(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))
_MERGE = "<<"  # the merge key, only if it is not quoted
_COLLECTION_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class MalformedDocument(ValueError):
    """A text is not a valid YAML or JSON document; the message says what is wrong and where."""


class Plain(str):
    """An unquoted YAML scalar, or a JSON number or boolean, as the text that was written."""

    __slots__ = ()

    def integer(self) -> int:
        """Return the text as an integer if all versions of YAML agree on it.

        Raises ValueError for other text, and for leading zeros that only some versions read as octal.
        """
        text = re.sub(r"\.0*\Z", "", self)
        for pattern, base in _INTEGERS:
            if pattern.fullmatch(text) and (base != 10 or _is_short(text)):
                return int(text, base)
        if _LEADING_ZEROS.fullmatch(text) and _is_short(text):
            if -8 < int(text) < 8:
                return int(text)
            raise ValueError("some programs read it as octal, others as decimal; write it without leading zeros")
        raise ValueError("it is not a whole number")

    def value(self) -> Any:
        """Return the corresponding JSON value: a number, a boolean, else the text."""
        if self in _BOOLEANS:
            return _BOOLEANS[self]
        if _DECIMAL.fullmatch(self) and _is_short(self):
            return int(self)
        if _FLOAT.fullmatch(self) and not math.isinf(float(self)):
            return float(self)
        return str(self)


def _is_short(digits: str) -> bool:
    return len(digits.lstrip("+-")) <= _MOST_DIGITS


class Mapping(dict[str, "Any"]):
    """A mapping in a document; ``line`` is the number of its first line, counted from 1."""

    __slots__ = ("line",)

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


def is_plain_safe(text: str) -> bool:
    """Tell whether an unquoted text is read as the same string by this reader and by all other YAML readers."""
    return not (text in _NULLS or re.fullmatch(r"[-+.0-9][-+0-9A-Fa-fxXoO_,.:eE]*|[=~]|<<", text)
                or text.lower() in ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
                or Plain(text).value() != text)  # fmt: skip


def plain_values(value: Any) -> Any:
    """Return a value of a document with every `Plain` in it converted to a JSON value."""
    if isinstance(value, dict):
        return {key: plain_values(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain_values(item) for item in value]
    return value.value() if isinstance(value, Plain) else value


def read(text: str) -> list[Any]:
    """Parse YAML or JSON and return its documents; empty documents are left out.

    Values are `Mapping`, list, str (for quoted scalars and block scalars), `Plain` and None. Raises MalformedDocument,
    also for a name that appears twice in a mapping, for aliases that expand to too many values, and for nesting deeper
    than 150 levels. The unquoted name ``<<`` merges the fields of its value, a mapping or a list of mappings. Fields
    of the mapping itself take precedence, then those of earlier mappings in the list.
    """
    return [document for document, _ in each(text)]


def each(text: str) -> Iterator[tuple[Any, int]]:
    """Yield the documents like `read`, each with the number of its first line.

    Documents before a malformed one are yielded before the error is raised (for YAML, not for JSON).
    """
    stream = _read_json(text) if text.lstrip()[:1] in ("{", "[") else None
    for value, line in _read_yaml(text) if stream is None else stream:
        if value is not None:
            yield value, line


# JSON has its own parser because the YAML parser rejects tabs and the surrogate pairs of JSON.


def _read_json(text: str) -> list[tuple[Any, int]] | None:
    """Return the documents of a JSON text, each with its line; None if the text is not JSON (it may be YAML).

    The text may contain several documents, one after another.
    """
    decoder = json.JSONDecoder(
        object_pairs_hook=_members, parse_int=Plain, parse_float=Plain, parse_constant=_no_constant
    )
    documents = []
    position = _after_blanks(text, 0)
    try:
        while position < len(text):
            document, end = decoder.raw_decode(text, position)
            documents.append((document, text.count("\n", 0, position) + 1))
            position = _after_blanks(text, end)
    except json.JSONDecodeError:
        return None
    except (_JsonFault, RecursionError):
        raise _fault_of_json(text) from None
    return [(_as_read(document, line, text, 0), line) for document, line in documents]


def _after_blanks(text: str, position: int) -> int:
    found = re.compile(r"[ \t\n\r]*").match(text, position)
    assert found is not None
    return found.end()


def _members(pairs: list[tuple[str, Any]]) -> Mapping:
    mapping = Mapping(1)
    for name, value in pairs:
        if name in mapping:
            raise _JsonFault
        mapping[name] = value
    return mapping


def _no_constant(constant: str) -> Any:
    raise _JsonFault


class _JsonFault(Exception):
    """The JSON parser met something that is not allowed in a document. Its position is not known here."""


def _fault_of_json(text: str) -> MalformedDocument:
    """Find and describe the first error in a text that is otherwise valid JSON up to that error."""
    names: list[set[str]] = []  # the names seen in each open collection
    last = None
    for token in _JSON_TOKEN.finditer(text):
        word = token[0]
        if word in "{[":
            names.append(set())
            if len(names) > _DEEPEST:
                return MalformedDocument(f"{_place_in(text, token.start())}: {_too_deep()}")
        elif word in "}]":
            names.pop()
        elif word == ":":
            assert last is not None
            name = json.loads(last[0])
            if name in names[-1]:
                place = _place_in(text, last.start())
                return MalformedDocument(f"{place}: {json.dumps(name)} appears twice in one object")
            names[-1].add(name)
        elif word[0] != '"':
            return MalformedDocument(f"{_place_in(text, token.start())}: {word} is not JSON")
        last = token
    return _too_deep()


def _place_in(text: str, position: int) -> str:
    return f"line {text.count(chr(10), 0, position) + 1}, column {position - text.rfind(chr(10), 0, position)}"


def _as_read(value: Any, line: int, text: str, depth: int) -> Any:
    """Convert booleans to `Plain`, and set the line of each mapping to the first line of the document."""
    if depth > _DEEPEST:
        raise _fault_of_json(text)
    if isinstance(value, bool):
        return Plain("true" if value else "false")
    if isinstance(value, list):
        return [_as_read(item, line, text, depth + 1) for item in value]
    if isinstance(value, Mapping):
        value.line = line
        for name, member in value.items():
            value[name] = _as_read(member, line, text, depth + 1)
    return value


# YAML is built from the parser's events because PyYAML's constructor would convert the scalars.


def _read_yaml(text: str) -> Iterator[tuple[Any, int]]:
    import yaml

    # libyaml refuses escapes of lone surrogates, which stored JSON can contain.
    loader = yaml.SafeLoader if _HALF_A_PAIR.search(text) else getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from _Builder(yaml).documents(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context
        raise MalformedDocument(f"{_place(mark)}: {problem}" if mark else str(problem)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise MalformedDocument(f"line {line}: control characters are not allowed in YAML") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise MalformedDocument(str(error) or type(error).__name__) from None


class _Builder:
    """Builds values from parser events. ``_anchors`` has the value of each anchor and how many values it contains."""

    def __init__(self, yaml: Any) -> None:
        self._yaml = yaml

    def documents(self, events: Iterator[Any]) -> Iterator[tuple[Any, int]]:
        """Yield each document with the number of its first line."""
        yaml = self._yaml
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors: dict[str, tuple[Any, int]] = {}
                self._open: list[_Collection] = []
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self._anchors:
                    place = _place(event.start_mark)
                    raise MalformedDocument(f"{place}: there is no complete value named {event.anchor}")
                yield from self._add(*self._anchors[event.anchor], event.start_mark)
            elif isinstance(event, yaml.ScalarEvent):
                value = _scalar(event)
                self._name(event.anchor, value, 1)
                yield from self._add(value, 1, event.start_mark)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._start(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                ended = self._open.pop()
                value = ended.whole()
                self._name(ended.anchor, value, ended.size)
                yield from self._add(value, ended.size, ended.mark)

    def _start(self, event: Any) -> None:
        if event.tag not in _COLLECTION_TAGS:
            raise MalformedDocument(f"{_place(event.start_mark)}: the tag {event.tag} is not supported")
        if len(self._open) == _DEEPEST:
            raise MalformedDocument(f"{_place(event.start_mark)}: {_too_deep()}")
        mapping = isinstance(event, self._yaml.MappingStartEvent)
        value: Any = Mapping(event.start_mark.line + 1) if mapping else []
        self._open.append(_Collection(value, event.anchor, event.start_mark))

    def _name(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = value, size

    def _add(self, value: Any, size: int, mark: Any) -> Iterator[tuple[Any, int]]:
        """Add a complete value to the innermost open collection, or yield it with its line if it is the document."""
        if not self._open:
            yield value, mark.line + 1
            return
        parent = self._open[-1]
        parent.size += size
        if parent.size > _MOST_VALUES:
            raise MalformedDocument(f"{_place(mark)}: the aliases expand to more than {_MOST_VALUES:,} values")
        parent.add(value, mark)


class _Collection:
    """A mapping or list that is not complete yet."""

    __slots__ = ("value", "anchor", "mark", "size", "_key", "_merged")

    def __init__(self, value: Any, anchor: str | None, mark: Any) -> None:
        self.value = value
        self.anchor = anchor
        self.mark = mark
        self.size = 1
        self._key: str | None = None
        self._merged: list[Mapping] | None = None  # the value of the key <<

    def add(self, value: Any, mark: Any) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self._key is not None:
            if _is_merge(self._key):
                self._merged = _mappings(value, mark)
            else:
                self.value[self._key] = value
            self._key = None
        elif not isinstance(value, str):
            raise MalformedDocument(f"{_place(mark)}: the name of a field is not a string")
        elif value in self.value or (_is_merge(value) and self._merged is not None):
            raise MalformedDocument(f"{_place(mark)}: {value} appears twice in one mapping")
        else:
            self._key = value if _is_merge(value) else str(value)

    def whole(self) -> Any:
        """Return the complete value. Merged fields do not replace fields of the mapping itself."""
        for mapping in self._merged or ():
            for name, value in mapping.items():
                self.value.setdefault(name, value)
        return self.value


def _is_merge(name: str) -> bool:
    return name == _MERGE and isinstance(name, Plain)


def _mappings(value: Any, mark: Any) -> list[Mapping]:
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(each, Mapping) for each in listed):
        raise MalformedDocument(f"{_place(mark)}: the value of << must be a mapping or a list of mappings")
    return listed


def _scalar(event: Any) -> Any:
    if event.tag in _PLAIN_TAGS or (event.tag is None and event.implicit[0]):
        return None if event.value in _NULLS else Plain(event.value)
    if event.tag in (None, "!", _TEXT):
        return event.value
    raise MalformedDocument(f"{_place(event.start_mark)}: the tag {event.tag} is not supported")


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _too_deep() -> MalformedDocument:
    return MalformedDocument(f"it is nested more than {_DEEPEST} levels deep")
