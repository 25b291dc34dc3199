"""Long answers on a terminal go through a pager, if the operator has asked for that with CALICOCTL_PAGER."""

from __future__ import annotations

import os
import shlex
import subprocess

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

_DEFAULT = "less -R"  # which shows colours
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def show(text: str, variables: Mapping[str, str], terminal: TextIO) -> bool:
    """Show a text in the pager if it is longer than the terminal; return False if it was not shown.

    CALICOCTL_PAGER is a command, or ``1`` for the one in PAGER, else less; ``0`` stands for none.
    """
    size = os.get_terminal_size(terminal.fileno())
    lines = sum(1 + len(line) // (size.columns + 1) for line in text.split("\n"))
    wanted = variables["CALICOCTL_PAGER"].strip()
    if lines < size.lines or wanted in _NO:
        return False
    try:
        command = shlex.split((variables.get("PAGER") or _DEFAULT) if wanted in _YES else wanted)
        if not command:
            return False
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=dict(variables), encoding="utf-8")
    except (OSError, ValueError):
        return False  # there is no such program: print the text
    terminal.flush()
    try:
        pager.communicate(text + "\n")
    except BrokenPipeError:
        pass  # the operator has left the pager
    finally:
        pager.wait()
    return True
