"""Show long answers in a pager if CALICOCTL_PAGER is set and the output is a terminal."""

from __future__ import annotations

import os
import shlex
import subprocess

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

_DEFAULT = "less -R"  # -R lets less show colours


def show(text: str, variables: Mapping[str, str], terminal: TextIO) -> bool:
    """Show a text in the pager if it is longer than the terminal; False if it was not shown.

    CALICOCTL_PAGER is the command of the pager. ``1`` stands for the command in PAGER or, without it, for less.
    """
    lines = text.count("\n") + 1
    if not terminal.isatty() or lines < os.get_terminal_size(terminal.fileno()).lines:
        return False
    wanted = variables["CALICOCTL_PAGER"]
    command = (variables.get("PAGER") or _DEFAULT) if wanted == "1" else wanted
    try:
        pager = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, env=dict(variables), encoding="utf-8")
    except (OSError, ValueError):
        return False  # the pager cannot be started, so the caller prints the text
    terminal.flush()
    try:
        pager.communicate(text + "\n")
    except BrokenPipeError:
        pass  # the operator has left the pager early
    finally:
        pager.wait()
    return True
