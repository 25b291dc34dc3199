"""Selectors: the expressions over labels in rules and policies.

The language is that of the v1 data model (libcalico-go 1.2 to 1.7)::

    selector  := nothing | or                        an empty or blank selector means all()
    or        := and ("||" and)*
    and       := operand ("&&" operand)*
    operand   := "!"* ( "has(" label ")" | "all()" | label "==" string | label "!=" string
                      | label "in" set | label "not in" set | "(" or ")" )
    set       := "{" [ string ("," string)* [","] ] "}"
    string    := "..." | '...'                       no escapes; any character except the quote
    label     := 1 to 512 letters, digits, "_", ".", "/", "-"

Blanks and tabs are allowed between tokens, and any white space inside `has( )`, `all( )` and `not in`; `notin` means
`not in`. `in` and `not in` are recognised before labels, so a label such as `in-use` (or `in`, `notin`, and `not`
before `in`) can only be used in has(). `!=` and `not in` match if the label is missing.

Felix 1.4 accepts more, and so does `parse`: line breaks between tokens, and any label name before an operator.

`parse` adds one limit to the language: brackets nest at most 100 levels deep. Chains of `&&`, `||` and `!` have no
limit.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Matcher = Callable[[Mapping[str, str]], bool]
    Requirements = dict[str, frozenset[str] | None]

_MAX_LABEL = 512
_MAX_NESTING = 100
# Felix 1.4 recurses for every bracket and crashes at about 40 levels.
_MAX_NESTING_FELIX = 32

# The language defines the order of the alternatives. One of them always matches.
_TOKEN = re.compile(
    r"""[ \t\n\r]*(?:
        (?P<string>"[^"]*"|'[^']*')
      | (?P<symbol>==|!=|&&|\|\||[!(){},])
      | (?P<has>has\([ \t\n\f\r]*[\w./-]+[ \t\n\f\r]*\))
      | (?P<not_in>not[ \t\n\f\r]*in\b)
      | (?P<in>in\b)
      | (?P<all>all\([ \t\n\f\r]*\))
      | (?P<global>global\()
      | (?P<label>[\w./-]+)
      | (?P<end>\Z)
      | (?P<unknown>.)
    )""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)
_BLANKS = " \t\n\r"
_LABEL = re.compile(r"[\w./-]+", re.ASCII)
_UNKNOWN = {
    '"': 'string without closing "',
    "'": "string without closing '",
    "=": "expected ==",
    "&": "expected &&",
    "|": "expected ||",
}
_LATER = " is later than the v1 data model"
_LATER_OPERATORS = {
    "contains": "contains",
    "starts": "starts with",
    "startswith": "starts with",
    "ends": "ends with",
    "endswith": "ends with",
}


class SelectorError(ValueError):
    """A text is not a valid selector. The message has the problem and its column, counted in characters from 1."""


class Selector:
    """A parsed selector, made by `parse`.

    `matches(labels)` takes a mapping of label names to values and tells whether the selector matches it.

    `requires` maps each label that every match must have to the set of its possible values, or to None if any value
    is possible. It is a necessary condition, not a sufficient one. Use it with an index to find the few label sets
    that need a call of `matches`.

    `is_misfiled` tells whether Felix 1.4 files the selector under the wrong labels in its index. Felix then misses a
    matching endpoint unless the labels of the endpoint were written after the selector. The cause is an `in` with a
    single value combined with another condition. `==` means the same and is indexed correctly; see
    `without_one_value_sets`.
    """

    __slots__ = ("_alone", "_negated", "_text", "is_misfiled", "matches", "requires")

    def __init__(
        self,
        text: str,
        matches: Matcher,
        requires: Requirements | None = None,
        negated: Selector | None = None,
        alone: str = "",
        is_misfiled: bool = False,
    ) -> None:
        """``alone`` is ``==`` or ``in`` if the selector is one comparison with one value, else empty."""
        self._text = text
        self.matches = matches
        self.requires = requires or {}
        self._negated = negated
        self._alone = alone
        self.is_misfiled = is_misfiled

    def canonical(self) -> str:
        """Return the canonical text, which is the same for all spellings of this selector.

        Values are in double quotes (single quotes if they contain a double quote). Sets are sorted, without
        duplicates. Each chain of `&&` or `||` has one pair of brackets; there are no other brackets. `!` is never
        repeated. Because of the added brackets, the canonical text may exceed the nesting limit of `parse`.
        """
        return self._text

    __str__ = canonical

    def unique_id(self) -> str:
        """Return the id that libcalico-go gives this selector: "s:" and a hash of the canonical text."""
        from base64 import urlsafe_b64encode
        from hashlib import sha224

        # JSON can contain lone surrogates.
        digest = sha224(b"s:" + self._text.encode("utf-8", "surrogatepass")).digest()
        return "s:" + urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def parse(text: str, *, strict: bool = False, new: bool = False) -> Selector:
    """Parse a selector.

    `strict` refuses what Felix 1.4 rejects or interprets differently: an empty set, a comma before }, `notin`,
    `all( )`, form feeds, more than 32 nested brackets, and in strings tabs, line breaks and a backslash before t, n, f
    or r. `new` is for text about to be stored: it implies `strict` and also refuses what only Felix accepts.

    Raises SelectorError, with a special message for operators of later versions (contains, starts with, ends with,
    global()).
    """
    return _Parser(text, strict or new, new).selector()


class _Parser:
    """A recursive descent parser with one token of lookahead.

    ``kind`` is the kind of the next token or, for a symbol, the symbol itself; ``token`` is its text.
    """

    kind: str | None
    token: str
    column: int

    def __init__(self, text: str, strict: bool, new: bool) -> None:
        self.text = text
        self.strict = strict
        self.new = new
        self.max_nesting = _MAX_NESTING_FELIX if strict else _MAX_NESTING
        self.found = _TOKEN.finditer(text)
        self.advance()

    def advance(self) -> None:
        found = next(self.found)
        self.token = found[0].lstrip(_BLANKS)
        self.kind = self.token if found.lastgroup == "symbol" else found.lastgroup
        self.column = found.end() - len(self.token) + 1
        if self.kind == "unknown":
            raise self.error(_UNKNOWN.get(self.token) or f"unexpected character {self.token!r}")
        if self.strict:
            self.check_felix_reads_token()
        if self.new and set("\n\r").intersection(found[0].removesuffix(self.token)):
            raise self.error("line break before the text", ": write the selector in one line")

    def take(self) -> str:
        token = self.token
        self.advance()
        return token

    def error(self, what: str, rest: str = "") -> SelectorError:
        return SelectorError(f"{what} at column {self.column}{rest}")

    def check_felix_reads_token(self) -> None:
        if self.kind == "string":
            # Felix's parser replaces tabs by blanks and rejects line breaks; some releases interpret these escapes.
            if re.search(r"[\t\n\r]|\\[tnfr]", self.token):
                raise self.error("Felix 1.4 cannot read a tab, a line end or an escape such as \\t in a string")
        elif self.kind == "all" and self.token != "all()":
            raise self.error("Felix 1.4 cannot read blanks inside all()")
        elif "\f" in self.token:
            raise self.error("Felix 1.4 cannot read a form feed")

    def selector(self) -> Selector:
        if self.kind == "end":
            return _everything()
        selector = self.alternatives(0)
        if self.kind != "end":
            raise self.error("expected &&, || or the end")
        return selector

    def alternatives(self, nesting: int) -> Selector:
        alternatives = [self.conjunction(nesting)]
        while self.kind == "||":
            self.advance()
            alternatives.append(self.conjunction(nesting))
        return alternatives[0] if len(alternatives) == 1 else _any_of(alternatives)

    def conjunction(self, nesting: int) -> Selector:
        operands = [self.operand(nesting)]
        while self.kind == "&&":
            self.advance()
            operands.append(self.operand(nesting))
        return operands[0] if len(operands) == 1 else _all_of(operands)

    def operand(self, nesting: int) -> Selector:
        negated = False
        while self.kind == "!":
            negated = not negated
            self.advance()
        operand = self.bracketed(nesting) if self.kind == "(" else self.condition()
        return _not(operand) if negated else operand

    def bracketed(self, nesting: int) -> Selector:
        if nesting == self.max_nesting:
            raise self.error(f"more than {self.max_nesting} nested brackets")
        self.advance()
        selector = self.alternatives(nesting + 1)
        if self.kind != ")":
            raise self.error("expected &&, || or )")
        self.advance()
        return selector

    def condition(self) -> Selector:
        if self.kind == "label":
            return self.comparison()
        if self.kind == "has":
            label = self.valid_label(self.token[len("has(") : -1].strip())
            self.advance()
            return Selector(f"has({label})", lambda labels: label in labels, {label: None})
        if self.kind == "all":
            self.advance()
            return _everything()
        if self.kind == "global":
            raise self.error('"global()"', _LATER)
        if self.kind in ("in", "not_in"):
            if self.new:
                why = " is an operator; a label that begins with it can be used only in has()"
                raise self.error(f'"{self.token}"', why)
            return self.comparison()
        raise self.error("expected a label, has(), all(), ! or (")

    def comparison(self) -> Selector:
        label = self.label()
        if self.kind in ("==", "!="):
            operator = self.take()
            if self.kind != "string":
                raise self.error(f"expected a string after {operator}")
            value = self.take()[1:-1]
            text = f"{label} {operator} {_quoted(value)}"
            if operator == "==":
                one = frozenset((value,))
                return Selector(text, lambda labels: labels.get(label) == value, {label: one}, alone="==")
            return Selector(text, lambda labels: labels.get(label) != value)
        if self.kind in ("in", "not_in"):
            if self.strict and self.token == "notin":
                raise self.error("Felix 1.4 cannot read notin without a blank")
            operator = "in" if self.kind == "in" else "not in"
            self.advance()
            values = self.set_after(operator)
            text = f"{label} {operator} {{{', '.join(map(_quoted, sorted(values)))}}}"
            if operator == "in":
                alone = "in" if len(values) == 1 else ""
                return Selector(text, lambda labels: labels.get(label) in values, {label: values}, alone=alone)
            return Selector(text, lambda labels: labels.get(label) not in values)
        if self.token in _LATER_OPERATORS:
            raise self.error(f'"{_LATER_OPERATORS[self.token]}"', _LATER)
        raise self.error(f"expected ==, !=, in or not in after {label}")

    def label(self) -> str:
        """Consume a label, even if the tokenizer recognised an operator in it."""
        if self.kind == "label":
            label = self.valid_label(self.token)
            self.advance()
            return label
        found = _LABEL.match(self.text, self.column - 1)
        assert found is not None
        self.found = _TOKEN.finditer(self.text, found.end())
        self.advance()
        return self.valid_label(found[0])

    def set_after(self, operator: str) -> frozenset[str]:
        if self.kind != "{":
            raise self.error(f"expected {{ after {operator}")
        self.advance()
        values = []
        comma = False
        while self.kind == "string":
            values.append(self.take()[1:-1])
            comma = self.kind == ","
            if not comma:
                break
            self.advance()
        if self.kind != "}":
            raise self.error("expected , or }" if values and not comma else "expected a string or }")
        if self.strict and (comma or not values):
            raise self.error(f"Felix 1.4 cannot read {'a comma before }' if comma else 'an empty set'}")
        self.advance()
        return frozenset(values)

    def valid_label(self, name: str) -> str:
        if len(name) > _MAX_LABEL:
            raise self.error(f"label name of more than {_MAX_LABEL} characters")
        return name


def _quoted(value: str) -> str:
    return f"'{value}'" if '"' in value else f'"{value}"'


def _everything() -> Selector:
    return Selector("all()", lambda labels: True)


def _not(selector: Selector) -> Selector:
    if selector._negated is not None:
        return selector._negated
    matches = selector.matches
    return Selector(f"!{selector}", lambda labels: not matches(labels), negated=selector)


def _all_of(selectors: list[Selector]) -> Selector:
    matchers = [selector.matches for selector in selectors]

    # A plain loop, here and in `_any_of`: it runs for every label set, and all() or any() would take twice as long.
    def matches(labels: Mapping[str, str]) -> bool:
        for matcher in matchers:
            if not matcher(labels):
                return False
        return True

    requires: Requirements = {}
    for selector in selectors:
        for label, values in selector.requires.items():
            known = requires.get(label)
            requires[label] = known if values is None else values if known is None else known & values
    is_misfiled = any(selector.is_misfiled or selector._alone == "in" for selector in selectors)
    return Selector(f"({' && '.join(map(str, selectors))})", matches, requires, is_misfiled=is_misfiled)


def _any_of(selectors: list[Selector]) -> Selector:
    matchers = [selector.matches for selector in selectors]

    def matches(labels: Mapping[str, str]) -> bool:
        for matcher in matchers:
            if matcher(labels):
                return True
        return False

    common = set(selectors[0].requires).intersection(*(selector.requires for selector in selectors))
    requires = {label: _union(selector.requires[label] for selector in selectors) for label in common}
    return Selector(f"({' || '.join(map(str, selectors))})", matches, requires, is_misfiled=_misfiles_any_of(selectors))


def _misfiles_any_of(selectors: list[Selector]) -> bool:
    """Tell whether Felix 1.4 misfiles `||` of these selectors.

    It files one `in` with a single value correctly if all other alternatives are `==`.
    """
    operators = sorted(selector._alone for selector in selectors)
    if any(selector.is_misfiled for selector in selectors):
        return True
    return "in" in operators and operators != ["=="] * (len(operators) - 1) + ["in"]


def without_one_value_sets(text: str) -> str:
    """Replace each ``label in {'value'}`` of a selector by ``label == 'value'``; all other text is unchanged.

    Raises SelectorError like `parse` with `new`.
    """
    parse(text, new=True)
    tokens = [(found.lastgroup, found[0].lstrip(_BLANKS), found.end()) for found in _TOKEN.finditer(text)]
    written, copied = [], 0
    for position, (kind, token, end) in enumerate(tokens):
        if kind != "in":
            continue
        closing = next(number for number in range(position, len(tokens)) if tokens[number][1] == "}")
        strings = [token for kind, token, _ in tokens[position:closing] if kind == "string"]
        if len({string[1:-1] for string in strings}) == 1:
            written += [text[copied : end - len(token)], f"== {strings[0]}"]
            copied = tokens[closing][2]
    return "".join([*written, text[copied:]])


class _Renaming(_Parser):
    """A parser that notes where the names of labels and the strings are: ``places`` has beginning, end and kind."""

    def __init__(self, text: str) -> None:
        self.places: list[tuple[int, int, str]] = []
        super().__init__(text, strict=False, new=False)

    def take(self) -> str:
        begin, is_string = self.column - 1, self.kind == "string"
        token = super().take()
        if is_string:
            self.places.append((begin + 1, begin + len(token) - 1, "string"))
        return token

    def label(self) -> str:
        begin = self.column - 1
        label = super().label()
        self.places.append((begin, begin + len(label), "label"))
        return label

    def condition(self) -> Selector:
        if self.kind == "has":
            label = self.token[len("has(") : -1].strip()
            begin = self.column - 1 + self.token.index(label, len("has("))
            self.places.append((begin, begin + len(label), "label"))
        return super().condition()


def renamed(text: str, label: Callable[[str], str], value: Callable[[str], str]) -> str:
    """Replace the labels and the values of a selector; all other text is unchanged. Raises SelectorError."""
    parser = _Renaming(text)
    parser.selector()
    written, copied = [], 0
    for begin, end, kind in parser.places:
        written += [text[copied:begin], (label if kind == "label" else value)(text[begin:end])]
        copied = end
    return "".join([*written, text[copied:]])


def _union(alternatives: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    values: set[str] = set()
    for alternative in alternatives:
        if alternative is None:
            return None
        values |= alternative
    return frozenset(values)
