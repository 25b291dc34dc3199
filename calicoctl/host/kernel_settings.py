"""Kernel modules and settings that a node needs: iptables matches, forwarding, and the limit of connections."""

from __future__ import annotations

import os

from calicoctl.errors import CommandError
from calicoctl.host import program
from calicoctl.host.system_checks import MODULES

ROOT = "/"  # of the host's files
_SECONDS = 60


class Setting:
    """A number below /proc/sys that must be at least ``least``; it is never lowered.

    ``failure`` is the message if it cannot be changed. ``required`` tells whether that is an error or a warning.
    """

    def __init__(self, name: str, least: int, failure: str, required: bool = True) -> None:
        self.name = name
        self.least = least
        self.failure = failure
        self.required = required

    @property
    def path(self) -> str:
        """The path of its file, from the root."""
        return f"proc/sys/{self.name.replace('.', '/')}"

    def change(self, root: str) -> tuple[int, int] | None:
        """Raise it, and return the value before and after; None where it is high enough. Raises OSError, ValueError."""
        path = os.path.join(root, self.path)
        with open(path, encoding="ascii") as file:
            before = int(file.read())
        if before >= self.least:
            return None
        with open(path, "w", encoding="ascii") as file:
            file.write(str(self.least))
        return before, self.least

    def as_shell(self) -> str:
        """Return the line for a shell that does the same; it has no single quote."""
        return f'f=/{self.path}; [ "$(cat $f)" -ge {self.least} ] || echo {self.least} > $f'


IPV4_FORWARDING = Setting("net.ipv4.ip_forward", 1, "ERROR: Could not enable ipv4 forwarding.")
IPV6_FORWARDING = Setting("net.ipv6.conf.all.forwarding", 1, "ERROR: Could not enable ipv6 forwarding.")
CONNECTIONS = Setting(
    "net.netfilter.nf_conntrack_max",
    1000000,
    "WARNING: Could not set nf_contrack_max. This may have an impact at scale.\n"
    "See http://docs.projectcalico.org/en/latest/configuration.html#system-configuration for more details",
    required=False,
)


def settings(root: str) -> list[Setting]:
    """Return the settings that a node needs. That of IPv6 is left out if the kernel has no IPv6."""
    has_ipv6 = os.path.isdir(os.path.join(root, "proc/sys/net/ipv6"))
    return [IPV4_FORWARDING, *([IPV6_FORWARDING] if has_ipv6 else []), CONNECTIONS]


def load_modules() -> list[str]:
    """Load the modules of the kernel, and return what ``modprobe`` printed.

    It is no error if the program or a module is missing: modules may be built into the kernel.
    """
    import subprocess

    path = program.find("modprobe")
    if path is None:
        return []
    try:
        _, output, complaint = program.run(lambda: program.started([path, "-a", *MODULES]), _SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"modprobe: {error}"]
    return (output + complaint).decode("utf-8", "replace").splitlines()


def apply(setting: Setting, root: str) -> tuple[str, str]:
    """Apply a setting; return what was changed, and a warning, each empty if there is none.

    Raises CommandError if it is required and cannot be changed.
    """
    try:
        change = setting.change(root)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no number"
        text = f"{setting.failure}\n/{setting.path}: {reason}"
        if setting.required:
            raise CommandError(text) from None
        return "", text
    return ("", "") if change is None else (f"Changed {setting.name} from {change[0]} to {change[1]}", "")
