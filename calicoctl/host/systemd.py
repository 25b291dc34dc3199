"""Services of systemd on this host; none where it does not run."""

from __future__ import annotations

from calicoctl.errors import CommandError
from calicoctl.host import program

_SECONDS_TO_ASK = 10
_SECONDS_TO_STOP = 120


def is_active(service: str) -> bool:
    """Tell whether a service runs."""
    status, _ = _systemctl(_SECONDS_TO_ASK, "is-active", "--quiet", service)
    return status == 0


def stop(service: str) -> None:
    """Stop a service. Raises CommandError with the words of ``systemctl`` if that fails."""
    status, complaint = _systemctl(_SECONDS_TO_STOP, "stop", service)
    if status != 0:
        raise CommandError(f"'systemctl stop {service}' failed: {complaint or f'exit status {status}'}")


def _systemctl(seconds: float, *arguments: str) -> tuple[int, str]:
    """Run ``systemctl``; return its exit status, 1 where it cannot be run, and what it complained of on one line."""
    import subprocess

    path = program.find("systemctl")
    if path is None:
        return 1, "systemctl was not found"
    try:
        status, _, complaint = program.run(lambda: program.started([path, *arguments]), seconds)
    except subprocess.TimeoutExpired:
        return 1, f"it did not end within {seconds} s"
    except OSError as error:
        return 1, str(error.strerror)
    return status, " ".join(complaint.decode("utf-8", "replace").split())
