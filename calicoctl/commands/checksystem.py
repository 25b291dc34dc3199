"""calicoctl checksystem: whether this machine has what Calico needs, a line for each check."""

from __future__ import annotations

import os
import re

from calicoctl.commands.status import check_runtime
from calicoctl.datastore import keys
from calicoctl.errors import CommandError
from calicoctl.host.docker import Docker, DockerPackageMissing, DockerUnavailable
from calicoctl.host.docker_reports import versions
from calicoctl.host.rights import check_root
from calicoctl.host.system_checks import FAIL, OK, UNKNOWN, Check, kernel_checks
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_OLDEST_ETCD = (2, 0, 10)
_OLDEST_DOCKER_API = (1, 16)
_OLDEST_DOCKER_API_FOR_LIBNETWORK = (1, 21)
_DOCKER_SECONDS = 10  # for an answer
_NO_ETCD_VERSION = (
    "ERROR: Unable to detect etcd version. If using etcd with SSL, set ETCD_SCHEME, ETCD_KEY_FILE, ETCD_CERT_FILE, and "
    "ETCD_CA_CERT_FILE environment variables"
)


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``checksystem``, parsed, and return the exit status: 1 if a check failed.

    Raises CommandError.
    """
    return check_system(arguments, environment, os.uname().release, "/")


def check_system(arguments: Arguments, environment: Environment, release: str, root: str) -> int:
    """Run the checks for a kernel of this release, with the files of the machine below a root folder."""
    if arguments["--fix"]:
        environment.complain("WARNING: Deprecated flag --fix: checksystem no longer fixes detected issues")
    check_runtime(arguments["--runtime"])
    check_root()
    has_failed = False
    for check in _checks(arguments, environment, release, root):
        environment.say(f"{check.name:<18} {check.result:<8} {visible(check.reason)}")
        if check.complaint:
            environment.complain(check.complaint)
        has_failed |= check.result == FAIL
    return 1 if has_failed else 0


def _checks(arguments: Arguments, environment: Environment, release: str, root: str) -> Iterator[Check]:
    yield from kernel_checks(release, root)
    if arguments["--runtime"] == "docker":
        yield _check_docker(arguments["--libnetwork"], environment)
    yield _check_etcd(environment)


def _check_docker(libnetwork: bool, environment: Environment) -> Check:
    try:
        version, api = versions(Docker(environment.variables, _DOCKER_SECONDS))
    except DockerPackageMissing as error:
        return Check("Docker", UNKNOWN, error.message)
    except DockerUnavailable as error:
        sentence = "Docker daemon not running." if error.is_down else "Docker cannot be asked."
        return Check("Docker", FAIL, "no answer", f"ERROR: {sentence}  {' '.join(error.message.split())}")
    oldest = _OLDEST_DOCKER_API_FOR_LIBNETWORK if libnetwork else _OLDEST_DOCKER_API
    found = f"{version}, API {api}"
    numbers = _numbers(r"(\d{1,9})\.(\d{1,9})", api)
    if numbers and numbers >= oldest:
        return Check("Docker", OK, found)
    needed = f"v{_text(oldest)}"
    complaint = f"ERROR: Docker server must support Docker Remote API {needed} or greater."
    if libnetwork:
        complaint = f"ERROR: Docker Version does not support Libnetwork.\n{complaint}"
    return Check("Docker", FAIL, f"{found}; API {needed} or later is needed", complaint)


def _check_etcd(environment: Environment) -> Check:
    try:
        text = environment.client().version()
    except CommandError as error:
        reason = " ".join(error.message.split())
        return Check("etcd", FAIL, "no answer", f"ERROR: Could not connect to etcd: {reason}")
    version = _text(_version_of_etcd(text))
    try:
        environment.client().get(keys.READY)  # whether it is there or not
    except CommandError as error:
        reason = f"{version or 'a server'}, but it does not answer the v2 API"
        return Check("etcd", FAIL, reason, f"ERROR: {' '.join(error.message.split())}")
    if complaint := version_complaint(text):
        reason = f"{version}; {_text(_OLDEST_ETCD)} or later is needed" if version else "its version is not known"
        return Check("etcd", FAIL, reason, complaint)
    return Check("etcd", OK, f"{version}, with the v2 API")


def version_complaint(text: str) -> str:
    """Say why etcd is not new enough, by what it says about its version; empty if it is."""
    numbers = _version_of_etcd(text)
    if not numbers:
        return _NO_ETCD_VERSION
    if numbers < _OLDEST_ETCD:
        return f"ERROR: etcd must be at least version {_text(_OLDEST_ETCD)} (Detected version: {_text(numbers)})"
    return ""


def _version_of_etcd(text: str) -> tuple[int, ...]:
    return _numbers(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", text)


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _numbers(pattern: str, text: str) -> tuple[int, ...]:
    """Return the numbers in the first match of a pattern; none if it does not match."""
    match = re.search(pattern, text, re.ASCII)
    return tuple(map(int, match.groups())) if match else ()
