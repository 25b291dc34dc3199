"""calicoq explain-code: what a code of ``calicoq check`` means."""

from __future__ import annotations

import textwrap

from calicoctl.calicoq.codes import CODES
from calicoctl.errors import CommandError
from calicoctl.output import visible
from calicoctl.suggestion import did_you_mean

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_WIDTH = 80


def run(arguments: Arguments, environment: Environment) -> int:
    """Explain the code, or list all; needs no datastore. Raises CommandError for a code that there is not."""
    name: str | None = arguments["<code>"]
    if name is None:
        environment.say("\n".join(_heading(code) for code in CODES))
        return 0
    if name.upper() not in CODES:
        raise CommandError(f"{visible(name)} is no code of 'calicoq check'.{did_you_mean(name, CODES)}")
    explanation = textwrap.fill(CODES[name.upper()].explanation, _WIDTH, break_on_hyphens=False)
    environment.say(f"{_heading(name.upper())}\n\n{explanation}")
    return 0


def _heading(code: str) -> str:
    return f"{code}  {CODES[code].severity}: {CODES[code].title}"
