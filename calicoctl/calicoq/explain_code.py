"""calicoq explain-code: the meaning of a code of ``calicoq check`` or ``calicoq lint``."""

from __future__ import annotations

import textwrap

from calicoctl.calicoq import codes, lint_codes
from calicoctl.errors import CommandError
from calicoctl.output import visible
from calicoctl.suggestion import did_you_mean

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_WIDTH = 80
_CODES = {**codes.CODES, **lint_codes.CODES}


def run(arguments: Arguments, environment: Environment) -> int:
    """Explain a code, or list all codes; needs no datastore. Raises CommandError for an unknown code."""
    name: str | None = arguments["<code>"]
    if name is None:
        environment.say("\n".join(_heading(code) for code in _CODES))
        return 0
    if name.upper() not in _CODES:
        what = f"{visible(name)} is no code of 'calicoq check' or 'calicoq lint'."
        raise CommandError(what + did_you_mean(name, _CODES))
    explanation = textwrap.fill(_CODES[name.upper()].explanation, _WIDTH, break_on_hyphens=False)
    environment.say(f"{_heading(name.upper())}\n\n{explanation}")
    return 0


def _heading(code: str) -> str:
    return f"{code}  {_CODES[code].severity}: {_CODES[code].title}"
