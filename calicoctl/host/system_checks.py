"""What Calico needs of this machine's kernel: its version, and modules that it can load or has built in.

``release`` is what ``uname -r`` prints. All files are read below a root folder, which is ``/`` except in tests.
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

OK, FAIL, UNKNOWN = "ok", "FAIL", "unknown"

MODULES = ("xt_set", "ip6_tables")
_OLDEST_KERNEL = (2, 6, 24)
_MOST_BYTES = 64 * 2**20  # of a file; those of the kernel have less than one million
_LISTS = {"modules.dep": "can be loaded", "modules.builtin": "built in"}  # in /lib/modules/<release>
# What the kernel's configuration calls a module, and where /proc/net shows that it is there, loaded or built in: the
# file, and the line in it, or any content at all.
_OPTIONS = {"xt_set": "CONFIG_NETFILTER_XT_SET", "ip6_tables": "CONFIG_IP6_NF_IPTABLES"}
_IN_PROC_NET = {
    "xt_set": (("proc/net/ip_tables_matches", "set"), ("proc/net/ip6_tables_matches", "set")),
    "ip6_tables": (("proc/net/ip6_tables_matches", ""), ("proc/net/ip6_tables_names", "")),
}


class Check:
    """A check with its ``result``: OK, FAIL or UNKNOWN, and ``reason``, what was found.

    ``complaint`` is legacy's message about a failure; empty for other results.
    """

    def __init__(self, name: str, result: str, reason: str, complaint: str = "") -> None:
        self.name = name
        self.result = result
        self.reason = reason
        self.complaint = complaint


def kernel_checks(release: str, root: str) -> Iterator[Check]:
    """Yield the checks of the kernel's version and of its modules."""
    yield check_kernel(release)
    for module in MODULES:
        yield check_module(module, release, root)


def check_kernel(release: str) -> Check:
    """Check the version of the kernel."""
    name, oldest = "kernel", ".".join(map(str, _OLDEST_KERNEL))
    numbers = re.match(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", release, re.ASCII)
    if numbers is None:
        complaint = "ERROR: The kernel version does not match expected semantic versioning."
        return Check(name, FAIL, f"'{release}' is not the version of a kernel", complaint)
    if tuple(int(number or 0) for number in numbers.groups()) < _OLDEST_KERNEL:
        complaint = f"Minimum kernel version to run Calico is {oldest}.\nDetected kernel version: {release}"
        return Check(name, FAIL, f"{release}; {oldest} or later is needed", complaint)
    return Check(name, OK, release)


def check_module(module: str, release: str, root: str) -> Check:
    """Check whether a module is loaded, can be loaded, or is built in."""
    name, option = f"module {module}", _OPTIONS[module]
    found = _found(module, release, root)
    configuration = None if found else _configuration(release, root)
    if configuration is not None and f"{option}=y" in configuration:
        found = f"built in, by {option} of the kernel's configuration"
    if found:
        return Check(name, OK, found)
    complaint = f"WARNING: Unable to detect the {module} module as available or builtin."
    folder = f"lib/modules/{release}"
    if all(_lines(f"{folder}/{file}", root) is not None for file in _LISTS):
        return Check(name, FAIL, f"not loaded, and not listed in /{folder}", complaint)
    if configuration is not None and f"{option}=m" not in configuration:
        return Check(name, FAIL, f"not loaded, and the kernel is configured without {option}", complaint)
    reason = f"not loaded, and neither /{folder} nor the kernel's configuration shows whether it can be"
    return Check(name, UNKNOWN, reason)


def _found(module: str, release: str, root: str) -> str:
    """Return how a module is present; empty if it is not."""
    if any(line.split(" ")[0] == module for line in _lines("proc/modules", root) or ()):
        return "loaded"
    for path, wanted in _IN_PROC_NET[module]:
        lines = _lines(path, root)
        if lines is not None and (not wanted or wanted in lines):
            return f"in the kernel, by /{path}"
    file = re.compile(rf"(^|/){module}\.ko(\.\w+)?(:|$)")
    for path, meaning in _LISTS.items():
        if any(map(file.search, _lines(f"lib/modules/{release}/{path}", root) or ())):
            return meaning
    return ""


def _configuration(release: str, root: str) -> set[str] | None:
    """Return the lines of the kernel's configuration; None if it cannot be read."""
    for path in (f"boot/config-{release}", f"lib/modules/{release}/config"):
        lines = _lines(path, root)
        if lines is not None:
            return set(lines)
    import gzip
    import zlib

    try:
        with gzip.open(os.path.join(root, "proc/config.gz")) as file:
            return set(file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines())
    except (OSError, EOFError, zlib.error):
        return None


def _lines(path: str, root: str) -> list[str] | None:
    """Return the lines of a file below the root folder; None if it cannot be read."""
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_BYTES).splitlines()
    except OSError:
        return None
