"""Parse command lines as docopt 0.6.2 does, but start faster.

docopt spends most of its time in ``Pattern.fix``, which does not depend on the arguments: it compares patterns by
their ``repr`` and expands every combination of alternatives (20 of 26 ms for the ``profile`` grammar). ``_fix``
achieves the same in two walks over the tree: equal leaves become one object, and leaves that can occur more than once
in one alternative get the initial values with which docopt accumulates.
"""

from __future__ import annotations

import re
import warnings

# docopt 0.6.2 has invalid escape sequences in its regular expressions. Python 3.12 and later print a warning about
# them whenever they compile docopt, that is, if there is no cached byte-code.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", category=SyntaxWarning, module=r".*docopt")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r".*docopt")
    import docopt

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Arguments = dict[str, Any]


Option: Any = docopt.Option
_CHOICES = re.compile(r"(--[a-z-]+)=\([^()]*\)")  # of the value of an option in a usage line


class HelpRequested(Exception):
    """The arguments contain ``-h`` or ``--help``. The message is the help text, without a final newline."""


class UsageError(Exception):
    """The arguments do not match the usage text.

    The message is the one that docopt would print: ``reason``, one line or empty, and then the section ``Usage:`` of
    the text ``usage``. ``argv`` holds the arguments.
    """

    def __init__(self, usage: str, argv: Sequence[str], message: str = "") -> None:
        section = docopt.printable_usage(usage)
        super().__init__(message or section)
        self.usage = usage
        self.argv = argv
        self.reason = message.removesuffix(section).strip()


def parse(usage: str, argv: Sequence[str], options_first: bool = False) -> Arguments:
    """Parse arguments by a usage text, exactly as ``docopt.docopt(usage, argv)`` of version 0.6.2 does.

    ``usage`` is the whole help text of a command and ``argv`` the arguments after the program's name. The result maps
    the name of every element of the usage (``"<PROFILE>"``, ``"rule"``, ``"--at"``) to its value: text or None for
    arguments, False/True or a count for keywords and flags. docopt's ``[options]`` is not supported, because no usage
    text here contains it.

    Raises HelpRequested and UsageError.
    """
    usage_section = docopt.printable_usage(usage)
    docopt.DocoptExit.usage = usage_section
    options, pattern = _tree(usage, usage_section)
    try:
        given = docopt.parse_argv(docopt.TokenStream(list(argv), docopt.DocoptExit), list(options), options_first)
    except docopt.DocoptExit as error:
        raise UsageError(usage, argv, str(error)) from None
    if any(option.name in ("-h", "--help") and option.value for option in given):
        raise HelpRequested(usage.strip("\n"))
    _fix(pattern)
    matched, left, collected = pattern.match(given)
    if not matched or left:
        raise UsageError(usage, argv)
    return {leaf.name: leaf.value for leaf in pattern.flat() + collected}


def usage_lines(usage: str) -> list[str]:
    """Return the section ``Usage:`` of a usage text: its heading, then each usage line with its continuation lines.

    Every usage line begins with the program's name. If the first one is on the same line as the word ``Usage:``, both
    are one element of the result.
    """
    section: str = docopt.printable_usage(usage)
    program = section.split()[1]
    lines: list[str] = []
    for line in section.split("\n"):
        if not lines or line.split()[:1] == [program]:
            lines.append(line)
        else:
            lines[-1] += f"\n{line}"
    return lines


def patterns(usage: str) -> tuple[list[Any], list[Any]]:
    """Return docopt's option objects for a usage text, and docopt's parse tree of each usage line, as they are meant.

    docopt takes the choices in ``--backend=(bird | none)`` for words beside the option, which no command accepts.
    """
    meant = _CHOICES.sub(r"\1=<VALUE>", usage)
    options, pattern = _tree(meant, docopt.printable_usage(meant))
    (only,) = pattern.children
    return options, only.children if type(only) is docopt.Either else [only]


def _tree(usage: str, usage_section: str) -> tuple[list[Any], Any]:
    options = docopt.parse_defaults(usage)
    return options, docopt.parse_pattern(docopt.formal_usage(usage_section), options)


def _fix(pattern: Any) -> None:
    """Replace docopt's ``Pattern.fix``, in time proportional to the size of the pattern."""
    _unify_leaves(pattern, {})
    leaves = {id(leaf): leaf for leaf in pattern.flat()}
    for leaf_id, count in _occurrences(pattern).items():
        if count > 1:
            _accumulate(leaves[leaf_id])


def _unify_leaves(pattern: Any, known: dict[str, Any]) -> None:
    """Replace equal leaves of the tree by one object. As in docopt, patterns with the same ``repr`` are equal."""
    for position, child in enumerate(pattern.children):
        if hasattr(child, "children"):
            _unify_leaves(child, known)
        else:
            pattern.children[position] = known.setdefault(repr(child), child)


def _occurrences(pattern: Any) -> dict[int, int]:
    """Return the maximum number of times that each leaf, by ``id``, can occur in one alternative of a pattern."""
    if not hasattr(pattern, "children"):
        return {id(pattern): 1}
    alternatives = type(pattern) is docopt.Either
    repeats = 2 if type(pattern) is docopt.OneOrMore else 1
    counts: dict[int, int] = {}
    for child in pattern.children:
        for leaf, count in _occurrences(child).items():
            so_far = counts.get(leaf, 0)
            counts[leaf] = max(so_far, count) if alternatives else so_far + count * repeats
    return counts


def _accumulate(leaf: Any) -> None:
    """Set docopt's initial value of a leaf that can occur several times: a list for values, 0 for keywords and flags.
    """
    takes_value = type(leaf) is docopt.Argument or (type(leaf) is docopt.Option and leaf.argcount)
    if not takes_value:
        leaf.value = 0
    elif leaf.value is None:
        leaf.value = []
    elif not isinstance(leaf.value, list):
        leaf.value = leaf.value.split()
