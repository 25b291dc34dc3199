"""Signals at any moment, and unusual or incomplete environments."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calicoctl.host.lock import LOCK_FILE
from tests.command_lines import ALL, CONTAINER, NAMESPACE, POOL, POOLS, PROFILES, READING, USED, WRITING, Row
from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, answer, never_answer
from tests.sampling import Sampling
from tests.trust.checks import check_claims, check_repeated, check_result, check_state
from tests.trust.outcomes import KERNEL, fill, hide_changing, prepare, run_row, state_of, undisturbed
from tests.trust.test_bad_answers import FAILURE_STATUS

LONGEST_SECONDS = 0.4
TOGETHER_SECONDS = 0.25  # longer than the interval within which signals count as one
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# The start of Python and our first lines: an interrupt there cannot be handled.
OUR_START = r".*/calicoctl/(__init__|__main__|start)\.py"
SITE = "Fatal Python error: init_import_site:"  # runs lines of *.pth files, which import packages
START = re.compile(rf'  File "(<[^>]*>|.*/lib/python3[^"]*(?<!-packages)/[^"/]+|{OUR_START})"')
PACKAGES = re.compile(r'  File ".*/(site|dist)-packages/')


def start(row: Row, calicoctl: Calicoctl) -> subprocess.Popen[str]:
    """Start a separate process that has received all of its input."""
    process = subprocess.Popen(
        Calicoctl({}, row.program).command(*row.arguments),
        env=dict(calicoctl.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdin is not None
    process.stdin.write(row.stdin)
    process.stdin.close()
    process.stdin = None
    return process


@pytest.mark.parametrize("rows", [WRITING, READING], ids=["writing", "reading"])
@pytest.mark.parametrize("by", SIGNALS)
def test_signals_at_any_moment(
    by: signal.Signals, rows: list[Row], etcd: EtcdServer, calicoctl: Calicoctl, dice: random.Random, sampling: Sampling
) -> None:
    ends = set()
    for _ in range(sampling.number(200, 6)):
        row = dice.choice(rows)
        outcome = undisturbed(row, etcd, calicoctl)
        prepare(row, etcd, calicoctl)
        with start(row, calicoctl) as process:
            time.sleep(dice.random() * LONGEST_SECONDS)  # the moment is random
            process.send_signal(by)
            stdout, stderr = process.communicate(timeout=PROCESS_SECONDS)
        stdout = hide_changing(stdout)
        ends.add(process.returncode)
        assert "Internal error" not in stderr, row
        if process.returncode == 128 + by:
            assert stderr in (*outcome.interruptions(row), ""), row
            assert stdout == "" or outcome.result.stdout.startswith(stdout), row
            state = state_of(row, etcd)
            check_state(state, outcome)
            check_claims(row, etcd)
            assert stderr or state in (outcome.before, outcome.after), row
            if row.of_container:
                assert state[KERNEL] in (outcome.before[KERNEL], outcome.after[KERNEL]), row
            if row in WRITING:
                check_repeated(row, state, outcome, etcd, calicoctl)
        elif is_of_pythons_start(process.returncode, by, stdout, stderr):
            assert state_of(row, etcd) == outcome.before, row
        else:
            assert Result(process.returncode, stdout, stderr) == outcome.result, f"{row}\n{stderr}"
            assert state_of(row, etcd) == outcome.after, row
    # A few signals may all arrive before the first line or after the last.
    assert not sampling.complete or 128 + by in ends


def is_of_pythons_start(status: int, by: signal.Signals, stdout: str, stderr: str) -> bool:
    """Whether a process ended before our first line: by the signal, or with Python's own messages."""
    if stdout:
        return False
    if status == -by and not stderr:
        return True
    if by != signal.SIGINT or status not in (1, -by) or "KeyboardInterrupt" not in stderr:
        return False
    places = re.findall(r"^  File .*", stderr, re.MULTILINE)
    ours = any(not START.match(place) or PACKAGES.match(place) for place in places)
    return stderr.startswith(SITE) or not ours


REMOVING = "Disabling IP Pool\nRemoving IPAM configuration for pool\n"


def waiting_removal(calicoctl: Calicoctl) -> subprocess.Popen[str]:
    """Start `pool remove` and return when it has disabled the pool and waits."""
    process = start(Row(f"pool remove {POOL} --wait=60"), calicoctl)
    assert process.stderr is not None
    assert process.stderr.readline() == "Waiting 60 s for address assignments in progress (see --wait).\n"
    return process


@pytest.mark.parametrize("by", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_second_signal_stops_undo_and_reports_what_remains(
    by: signal.Signals, second: signal.Signals, etcd: EtcdServer, calicoctl: Calicoctl
) -> None:
    fill(etcd, POOLS)
    with Proxy(etcd) as proxy:
        calicoctl.environ = {**calicoctl.environ, "ETCD_AUTHORITY": proxy.authority}
        with waiting_removal(calicoctl) as process:
            so_far = len(proxy.requests)
            proxy.since(so_far + 1, never_answer)
            process.send_signal(by)
            while len(proxy.requests) == so_far:
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(TOGETHER_SECONDS)  # otherwise it would count as one with the first
            process.send_signal(second)
            stdout, stderr = process.communicate(timeout=PROCESS_SECONDS)
    assert (process.returncode, stdout) == (128 + by, REMOVING)
    assert stderr == (
        f"Aborted command.  Not undone: pool {POOL} is disabled (interrupted).  "
        "Repeat the command, or enable the pool again with 'calicoctl pool add'.\n"
    )


@pytest.mark.parametrize("by", SIGNALS)
def test_simultaneous_signals_count_as_one(by: signal.Signals, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    fill(etcd, POOLS)
    before = etcd.keys()
    with waiting_removal(calicoctl) as process:
        # The process is stopped, so that all signals arrive at the same moment.
        for number in (signal.SIGSTOP, by, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
            process.send_signal(number)
        stdout, stderr = process.communicate(timeout=PROCESS_SECONDS)
    assert (stdout, stderr) == (REMOVING, "Aborted command.\n")
    assert process.returncode - 128 in SIGNALS
    assert etcd.keys() == before


@pytest.mark.parametrize("by", SIGNALS)
def test_exit_status_after_signal_if_undo_fails(by: signal.Signals, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    fill(etcd, POOLS)
    with Proxy(etcd) as proxy:
        calicoctl.environ = {**calicoctl.environ, "ETCD_AUTHORITY": proxy.authority}
        with waiting_removal(calicoctl) as process:
            proxy.since(len(proxy.requests) + 1, answer("503 Service Unavailable", "no"))
            process.send_signal(by)
            _, stderr = process.communicate(timeout=PROCESS_SECONDS)
    assert process.returncode == 128 + by
    assert stderr.startswith(f"Aborted command.  Not undone: pool {POOL} is disabled (")
    assert stderr.endswith(").  Repeat the command, or enable the pool again with 'calicoctl pool add'.\n")


@pytest.mark.parametrize("by", SIGNALS)
def test_signal_during_apply_reports_temporary_deny(by: signal.Signals, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    directory = "/calico/v1/policy/profile/P"
    fill(etcd, {f"{directory}/tags": "[]", f"{directory}/labels": "{}", f"{directory}/rules": "{}"})
    document = (
        '{"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "P"}, '
        '"spec": {"labelsToApply": {"a": "b"}, "egress": [{"action": "Allow"}]}}'
    )
    with Proxy(etcd) as proxy:
        proxy.since(3, never_answer)
        calicoctl.environ = {**calicoctl.environ, "ETCD_AUTHORITY": proxy.authority}
        with start(Row("apply -f -", stdin=document), calicoctl) as process:
            while len(proxy.requests) < 3:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(by)
            stdout, stderr = process.communicate(timeout=PROCESS_SECONDS)
    assert (process.returncode, stdout) == (128 + by, "")
    assert stderr == (
        "Aborted command.  A rule that denies everything may stand before the rules of Profile(P): run "
        "'calicoctl apply' again with a valid document without a resourceVersion to complete the change.\n"
    )
    assert calicoctl("apply", "-f", "-", stdin=document, env={"ETCD_AUTHORITY": etcd.endpoint}).status == 0
    assert etcd.get(f"{directory}/rules") == '{"inbound_rules": [], "outbound_rules": [{"action": "allow"}]}'


# Python ignores exceptions in callbacks and destructors, but prints a traceback.
SIGNAL_IN_DESTRUCTOR_AND_CALLBACK = """
import os, signal, time, weakref
class Thing:
    def __del__(self):
        os.kill(os.getpid(), signal.{by})
        time.sleep(0)
def console_main():
    thing = Thing()
    weak = weakref.ref(thing, lambda reference: (os.kill(os.getpid(), signal.{by}), time.sleep(0)))
    try:
        del thing
        time.sleep({seconds})
    except KeyboardInterrupt as interruption:
        os.write(1, b"ended by %d\\n" % interruption.args[0])
        os._exit(0)
"""


@pytest.mark.parametrize("by", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_during_destructor_or_callback(by: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SIGNAL_IN_DESTRUCTOR_AND_CALLBACK.format(by=by, seconds=PROCESS_SECONDS / 3))
    done = subprocess.run(
        [sys.executable, "-c", "from calicoctl import start; start._run('program')"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"},
        capture_output=True,
        timeout=PROCESS_SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"ended by %d\n" % (128 + signal.Signals[by]), b"")


def test_ignored_signals_stay_ignored(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    script = (
        "trap '' INT TERM HUP; \"$@\" & child=$!; kill -INT $child; kill -HUP $child; kill -TERM $child; wait $child"
    )
    command = Calicoctl({}).command("profile", "show")
    done = subprocess.run(["/bin/sh", "-c", script, "sh", *command], env=dict(calicoctl.environ), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"+------+\n| Name |\n+------+\n+------+\n", b"")


# Environments

ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "no HOME": {"HOME": None},
    "no PATH": {"PATH": None},
    "no LANG": {"LANG": None},
    "a HOME that is not there": {"HOME": "/none", "XDG_CONFIG_HOME": "/none", "TMPDIR": "/none"},
    "20 columns": {"COLUMNS": "20", "LINES": "5"},
    "no columns": {"COLUMNS": "0", "TERM": ""},
    "nonsense columns": {"COLUMNS": "x", "TERM": "x" * 1000},
    "POSIX locale": {"LANG": "C", "LC_ALL": "C"},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a locale that is not there": {"LC_ALL": "xx_XX.KOI8-R"},
    "a proxy": {
        "http_proxy": "http://192.0.2.1:1",
        "HTTP_PROXY": "http://192.0.2.1:1",
        "ALL_PROXY": "socks5://192.0.2.1",
    },
    "optimized": {"PYTHONOPTIMIZE": "2"},
    "warnings": {"PYTHONWARNINGS": "default", "PYTHONDEVMODE": None},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_makes_no_difference(name: str, etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling) -> None:
    few = [row for row in ALL if row.line in ("profile show --detailed", "apply -f -", "check")]
    for row in sampling.some(ALL, few):
        outcome = undisturbed(row, etcd, calicoctl)
        prepare(row, etcd, calicoctl)
        result = Calicoctl(calicoctl.environ, row.program).process(
            *row.arguments, stdin=row.stdin, env=ENVIRONMENTS[name]
        )
        assert result._replace(stdout=hide_changing(result.stdout)) == outcome.result, row
        assert state_of(row, etcd) == outcome.after, row


def test_terminal_with_20_columns(etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling) -> None:
    for row in sampling.some(ALL, ALL[::6]):
        outcome = undisturbed(row, etcd, calicoctl)
        prepare(row, etcd, calicoctl)
        terminal, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 20, 0, 0))
        process = subprocess.Popen(
            Calicoctl({}, row.program).command(*row.arguments),
            env=dict(calicoctl.environ), stdin=subprocess.PIPE, stdout=end, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.close(end)
        with ThreadPoolExecutor(1) as reader:
            shown = reader.submit(read_terminal, terminal)
            stderr = process.communicate(row.stdin.encode(), PROCESS_SECONDS)[1]
        stdout = shown.result().decode().replace("\r\n", "\n")
        assert Result(process.returncode, hide_changing(stdout), stderr.decode()) == outcome.result, row


def read_terminal(terminal: int) -> bytes:
    """Return everything written to a terminal until its last writer has closed it."""
    pieces = []
    with os.fdopen(terminal, "rb", buffering=0) as stream, contextlib.suppress(OSError):  # EIO: no writer
        while piece := stream.read(65536):
            pieces.append(piece)
    return b"".join(pieces)


def test_text_outside_the_locale(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    etcd.put(f"{PROFILES}/P/tags", '["é", "日本"]')
    result = calicoctl.process("profile", "P", "tag", "show", env=ENVIRONMENTS["ASCII"])
    assert result == Result(0, "\\xe9\n\\u65e5\\u672c\n", "")


WITHOUT_FILES = [row for row in ALL if not row.line.startswith(("edit ", "backup "))]


def test_no_files_are_written(etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling) -> None:
    """Commands must work on a read-only file system; byte-code is excepted, because Python omits it there."""
    hook = (
        "import os, sys\n"
        "def hook(event, arguments):\n"
        "    changes = event in ('os.mkdir', 'os.rename', 'os.remove', 'os.link', 'os.symlink', 'os.truncate')\n"
        "    opened = event == 'open' and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)\n"
        f"    if changes or opened and arguments[0] not in ('/dev/null', '{LOCK_FILE}'):\n"
        "        os.write(2, f'{event}: {arguments[0]}\\n'.encode())\n"
        "sys.addaudithook(hook)\n"
    )
    for row in sampling.some(WITHOUT_FILES, WITHOUT_FILES[::6]):
        outcome = undisturbed(row, etcd, calicoctl)
        prepare(row, etcd, calicoctl)
        python, _, start, *arguments = Calicoctl({}, row.program).command(*row.arguments)
        done = subprocess.run(
            [python, "-c", hook + start, *arguments],
            env={**calicoctl.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            input=row.stdin, capture_output=True, encoding="utf-8", timeout=PROCESS_SECONDS,
        )  # fmt: skip
        assert Result(done.returncode, hide_changing(done.stdout), done.stderr) == outcome.result, row


READ_ONLY_REFUSAL = re.compile(
    r"Cannot make a file for the editor: [^\n]*\. Set TMPDIR\.\n|Cannot write [^\n]*: Read-only file system\.\n"
)
READ_ONLY = "mount --make-rprivate / && mount -o remount,bind,ro / && ! touch /tmp/x 2>/dev/null && "
CAN_MOUNT = os.geteuid() == 0 and shutil.which("unshare") and not subprocess.run(
    ["unshare", "--mount", "/bin/sh", "-c", f"{READ_ONLY} true"], capture_output=True
).returncode


@pytest.mark.skipif(not CAN_MOUNT, reason="private mounts are not permitted")
def test_read_only_file_system(etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling) -> None:
    with_files = [row for row in ALL if row not in WITHOUT_FILES]
    for row in [*sampling.some(WITHOUT_FILES, WITHOUT_FILES[::6]), *with_files]:
        outcome = undisturbed(row, etcd, calicoctl)
        prepare(row, etcd, calicoctl)
        command = Calicoctl({}, row.program).command(*row.arguments)
        done = subprocess.run(
            ["unshare", "--mount", "/bin/sh", "-c", f'{READ_ONLY} exec "$@"', "sh", *command],
            env=dict(calicoctl.environ), input=row.stdin, capture_output=True, encoding="utf-8",
            timeout=PROCESS_SECONDS,
        )  # fmt: skip
        if row.of_container and done.stderr == f"Cannot lock {LOCK_FILE}: Read-only file system.\n":
            assert (done.returncode, done.stdout, state_of(row, etcd)) == (1, "", outcome.before), row
            continue
        if row not in WITHOUT_FILES:
            assert (done.returncode, done.stdout) == (1, "")
            assert READ_ONLY_REFUSAL.fullmatch(done.stderr)
            continue
        assert Result(done.returncode, hide_changing(done.stdout), done.stderr) == outcome.result, row
        assert state_of(row, etcd) == outcome.after, row


@pytest.mark.parametrize("redirected", ["<&-", "</"])
def test_unreadable_input(redirected: str, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    reasons = {
        "<&-": "Standard input is closed, but this command reads from it.",
        "</": "<stdin> is a directory, cannot continue",  # Python reports it before our first line
    }
    for row in ALL:
        if not row.stdin:
            continue
        fill(etcd, row.before)
        before = etcd.keys()
        command = Calicoctl({}, row.program).command(*row.arguments)
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *command],
            env=dict(calicoctl.environ), capture_output=True, encoding="utf-8", timeout=PROCESS_SECONDS,
        )  # fmt: skip
        status = FAILURE_STATUS.get(row.arguments[0], 1) if redirected == "<&-" else 1
        assert (done.returncode, done.stdout) == (status, ""), row
        assert reasons[redirected] in done.stderr, row
        assert redirected == "</" or done.stderr.count("\n") <= 2, row
        assert etcd.keys() == before, row


# Hostile names

HOSTILE_NAMES = [".", "..", "%2e", "%2e%2e", "a/b", "../Q", "?", "a?b", "#", "a#b", "_x", "-x", "a\x1b[2J", "a\nb",
                 "\x00", "\x7f", "\x9b", "é", "\udcff", "*", "P/", "/P", "P ", "P%00", "Q?recursive=true",
                 "\u202e"]  # fmt: skip
OTHERS = {
    f"{PROFILES}/Q/tags": "[]",
    f"{PROFILES}/_x/tags": "[]",
    f"{PROFILES}/a/tags": "[]",
    "/calico/v1/host/h2/workload/o/w/endpoint/e2": '{"profile_ids": [], "mac": "EE:EE:EE:EE:EE:EE"}',
    "/elsewhere": "x",
}


def names_of(row: Row) -> list[int]:
    """The positions of a row's arguments that are names."""
    names = ("P", "T", "OTHER", "e1", "h1", "h9", "pol", CONTAINER)
    return [place for place, word in enumerate(row.arguments) if word in names]


def is_of(name: str) -> Callable[[str], bool]:
    """Return a test of whether a key has a name in its path; the namespace belongs to the container's name."""
    return lambda key: f"/{name}/" in f"{key}/" or (key == KERNEL and name == NAMESPACE.workload)


@pytest.mark.product
@pytest.mark.once
@pytest.mark.parametrize("hostile", HOSTILE_NAMES)
def test_hostile_name_changes_no_other_key(
    hostile: str, etcd: EtcdServer, calicoctl: Calicoctl, most: Callable[[int], Iterator[Row]]
) -> None:
    for row in most(HOSTILE_NAMES.index(hostile)):
        outcome = undisturbed(row, etcd, calicoctl)
        may_change = {key for key in {*outcome.before, *outcome.after}
                      if outcome.before.get(key) != outcome.after.get(key)}  # fmt: skip
        for place in names_of(row):
            prepare(row, etcd, calicoctl)
            for key, value in OTHERS.items():
                etcd.put(key, value)
            before = state_of(row, etcd)
            argv = [*row.arguments[:place], hostile, *row.arguments[place + 1 :]]
            result = Calicoctl(calicoctl.environ, row.program)(*argv, stdin=row.stdin)
            check_result(result, argv)
            after = state_of(row, etcd)
            changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
            # A hostile name for the object to change must not change that object.
            of_the_name = is_of(NAMESPACE.workload if row.arguments[place] == CONTAINER else row.arguments[place])
            allowed = {key for key in may_change if not of_the_name(key)} | set(filter(is_of(hostile), changed))
            assert changed <= allowed, argv
            # etcd omits this one from listings.
            assert etcd.get(f"{PROFILES}/_x/tags") == "[]" or hostile == "_x", argv


def test_stored_hostile_names(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    fill(etcd, USED)
    for name in HOSTILE_NAMES:
        if name not in (".", "..", "../Q", "/P", "\udcff", "P/"):
            etcd.put(f"{PROFILES}/{name}/tags", '["P"]')
            etcd.put(f"/calico/v1/host/{name}/workload/{name}/{name}/endpoint/{name}", '{"profile_ids": ["P"]}')
            etcd.put(f"/calico/v1/ipam/v4/pool/{name}", '{"cidr": "10.0.0.0/8"}')
            etcd.put(f"/calico/v1/policy/tier/{name}/policy/{name}", "{}")
    others = {key: value for key, value in etcd.keys().items() if key not in USED}
    for row in (row for row in ALL if not row.of_container):
        fill(etcd, row.before)
        for key, value in others.items():
            etcd.put(key, value or "")
        check_result(run_row(row, calicoctl), row)
        kept = etcd.keys()
        is_to_delete = "--delete" in row.arguments
        assert is_to_delete or [key for key, value in others.items() if kept.get(key) != value] == [], row


# Secrets


@pytest.mark.parametrize("variable", ["ETCD_AUTHORITY", "ETCD_ENDPOINTS", "ETCD_SCHEME"])
def test_messages_contain_no_credentials(variable: str, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    value = f"http://user:s3cret@{etcd.endpoint}" if variable != "ETCD_AUTHORITY" else f"user:s3cret@{etcd.endpoint}"
    values = [value, value.replace("s3", "pa://s3"), value.replace("s3", "x,http://s3"), value.replace("@", "%40")]
    for row, value in [*((row, value) for row in ALL), *((READING[0], value) for value in values)]:
        for debug in ("", "1"):
            result = run_row(row, calicoctl, {variable: value, "CALICOCTL_DEBUG": debug})
            assert result.status in ((0, 1, 2) if variable == "ETCD_ENDPOINTS" else (1, 2)), row
            assert "s3cret" not in result.stdout + result.stderr, row
            assert "user" not in result.stderr, row


def test_messages_contain_no_private_key(etcd: EtcdServer, calicoctl: Calicoctl, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("ca", "cert", "key")}
    for name, path in files.items():
        path.write_text(f"-----BEGIN PRIVATE KEY-----\nc3cret{name}\n-----END PRIVATE KEY-----\n")
    env: dict[str, str | None] = {
        "ETCD_SCHEME": "https", "ETCD_CERT_FILE": str(files["cert"]), "ETCD_KEY_FILE": str(files["key"]),
        "CALICOCTL_DEBUG": "1",
    }  # fmt: skip
    for row in ALL:
        for more in ({}, {"ETCD_CA_CERT_FILE": str(files["ca"])}):
            result = run_row(row, calicoctl, {**env, **more})
            assert result.status in (1, 2), row
            assert "c3cret" not in result.stdout + result.stderr, row
            assert "Traceback" not in result.stderr, row
            assert result.stderr.count("\n") == 1, row


@pytest.mark.parametrize("debug", ["", "1"])
@pytest.mark.parametrize("variable", ["ETCD_KEY_FILE", "ETCD_CERT_FILE", "ETCD_CA_CERT_FILE", "ETCD_AUTHORITY"])
def test_private_key_in_place_of_its_path_is_not_shown(variable: str, debug: str, calicoctl: Calicoctl) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nc3cret\n-----END PRIVATE KEY-----\n"
    for row in (READING[0], WRITING[0]):
        result = run_row(row, calicoctl, {"ETCD_SCHEME": "https", variable: key, "CALICOCTL_DEBUG": debug})
        assert (result.status, result.stdout) == (1, ""), row
        assert "c3cret" not in result.stderr, row
        assert "PRIVATE" not in result.stderr, row
        assert "Traceback" not in result.stderr, row
