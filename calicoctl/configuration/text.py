"""Parsing of configuration files: nested mappings of names to strings, each with its line number.

Loading PyYAML takes longer than everything else in a small command. Nearly all configuration files have a plain form
with one name and value per line, so a parser for this form is tried first. It is a subset of YAML with the same
meaning. All other files are parsed with PyYAML.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

_WORD = r"[A-Za-z0-9._/~](?:[A-Za-z0-9._/~:@%+,=-]*[A-Za-z0-9._/~@%+,=-])?"  # without YAML syntax in it
_COMMENT = r"(?: *| +#.*)"
_IGNORED = re.compile(r" *(?:#.*)?")
_START = re.compile(rf"---{_COMMENT}")
_MEMBER = re.compile(
    r"(?P<indent> *)(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}):"
    rf"(?: +(?:\"(?P<double>[^\"\\]*)\"|'(?P<single>[^']*)'|(?P<plain>{_WORD}(?: +{_WORD})*)))?{_COMMENT}"
)
# A word of the file that PyYAML quotes in its messages. It may be a password that begins with *, so it is removed; a
# single character or a <token> is kept.
_QUOTED = re.compile(r""" (['"])(?!<|\\?.\1).+""")
_STANDARD = "tag:yaml.org,2002:"
_NULL = f"{_STANDARD}null"
_NULLS = ("~", "null", "Null", "NULL")


class Malformed(ValueError):
    """A configuration file is malformed; ``line`` is the line number, counted from 1."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


class Node:
    """The value of a name: a string, a mapping of names to nodes, or None; ``line`` is the line number of the name."""

    __slots__ = ("line", "value")

    def __init__(self, line: int, value: Any) -> None:
        self.line = line
        self.value: str | dict[str, Node] | None = value


def read(text: str) -> dict[str, Node]:
    """Parse YAML or JSON whose top level is a mapping. Raises Malformed.

    Scalars are never converted to numbers or booleans: ``etcdPassword: 0123`` has four characters. Lists and aliases
    of mappings are refused, because no setting needs them.
    """
    plain = read_plain(text)
    return read_yaml(text) if plain is None else plain


def read_plain(text: str) -> dict[str, Node] | None:
    """Parse a text in the plain form; return None for any other text, which may be YAML."""
    root: dict[str, Node] = {}
    levels: list[tuple[int, dict[str, Node]]] = []  # the open mappings with their indentation
    begun = False  # --- was found
    may_hold: Node | None = None  # the latest member if it has no value, so that indented members may follow
    for number, line in enumerate(text.split("\n"), 1):
        if not line.isprintable():
            return None
        if _IGNORED.fullmatch(line):
            continue
        if not (begun or levels) and _START.fullmatch(line):
            begun = True
            continue
        found = _MEMBER.fullmatch(line)
        if not found:
            return None
        indent = len(found["indent"])
        if not levels:
            levels = [(indent, root)]
        elif indent > levels[-1][0]:
            if may_hold is None:
                return None
            may_hold.value = {}
            levels.append((indent, may_hold.value))
        while levels and indent < levels[-1][0]:
            levels.pop()
        if not levels or indent != levels[-1][0] or found["name"] in levels[-1][1]:
            return None
        node = levels[-1][1][found["name"]] = Node(number, _scalar(found))
        may_hold = node if found.lastgroup == "name" else None
    return root


def _scalar(found: re.Match[str]) -> str | None:
    if found["plain"] is not None:
        return None if found["plain"] in _NULLS else found["plain"]
    return found["single"] if found["double"] is None else found["double"]


def read_yaml(text: str) -> dict[str, Node]:
    """Parse a text with PyYAML. Raises Malformed."""
    import yaml

    if text.lstrip().startswith("{"):
        text = text.replace("\t", " ")  # JSON allows tabs between tokens and YAML does not; JSON strings have no tabs
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)  # not the C loader, which deep nesting can crash
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = re.sub(_QUOTED, "", str(error.problem or error.context))
        raise Malformed(mark.line + 1 if mark else 1, problem) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Malformed(line, "control characters are not allowed in YAML") from None
    except (RecursionError, yaml.YAMLError):
        raise Malformed(1, "it is not YAML, or nested too deeply") from None
    return {} if root is None or root.tag == _NULL else _Nodes(yaml).mapping(root)


class _Nodes:
    """Converts PyYAML's nodes to mappings."""

    def __init__(self, yaml: Any) -> None:
        self._yaml = yaml
        self._seen: set[int] = set()  # ids of the mappings so far: with aliases, a mapping may contain itself

    def mapping(self, node: Any) -> dict[str, Node]:
        line = node.start_mark.line + 1
        if not isinstance(node, self._yaml.MappingNode):
            raise Malformed(line, "names with values are expected, as in 'name: value'")
        if id(node) in self._seen:
            raise Malformed(line, "aliases of mappings are not supported")
        self._seen.add(id(node))
        members: dict[str, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, self._yaml.ScalarNode):
                raise Malformed(line, "a name is not text")
            if key.value in members:
                raise Malformed(line, f"{key.value} appears twice")
            members[key.value] = Node(line, self._value(key.value, line, value))
        return members

    def _value(self, name: str, line: int, node: Any) -> Any:
        if isinstance(node, self._yaml.MappingNode):
            return self.mapping(node)
        if isinstance(node, self._yaml.SequenceNode):
            raise Malformed(line, f"{name} is a list; write text, with commas between several endpoints")
        if not node.tag.startswith(_STANDARD):
            raise Malformed(line, f"{name} begins with '!'; put the text in quotes")
        if re.search("[\ud800-\udfff]", node.value):
            raise Malformed(line, f"{name} has half of a surrogate pair, such as \\uD800")
        return None if node.tag == _NULL else node.value
