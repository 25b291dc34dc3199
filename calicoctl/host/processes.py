"""The processes of this host."""

from __future__ import annotations

import os

FELIX = ("calico-felix", "felix")


def runs(names: tuple[str, ...], root: str = "/") -> bool:
    """Tell whether a process of one of some names runs, in a container or outside; ``root`` is that of the files."""
    folder = os.path.join(root, "proc")
    for process in os.listdir(folder):
        if not process.isdigit():
            continue
        try:
            with open(os.path.join(folder, process, "comm"), encoding="utf-8", errors="replace") as file:
                if file.read().strip() in names:
                    return True
        except OSError:  # it has ended
            pass
    return False
