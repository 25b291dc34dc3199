"""The steps of `diags`: each writes what this host, the node or etcd answers to a file of the bundle."""

from __future__ import annotations

import os
import re
import signal
import time
from functools import partial

from calicoctl import __version__
from calicoctl.commands.node_status import find_node
from calicoctl.commands.status import backend_by_variable, described
from calicoctl.datastore.dump import dump
from calicoctl.errors import CommandError
from calicoctl.etcd.errors import DatastoreError
from calicoctl.host import bird, docker_reports
from calicoctl.host.docker import Docker
from calicoctl.host.felix import CONTAINER
from calicoctl.host.processes import signal_catchers
from calicoctl.host.programs import ProgramFailed, write_output
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from calicoctl.environment import Environment
    from calicoctl.host.bundle import Bundle

_SECONDS = 30.0  # for each program, and for an answer of Docker
_LINES_OF_LOG = 100_000  # of the container's log
_FELIX = "felix"  # no other process is sent a signal

# What is said about programs, and their command lines; each has a file of its own.
_PROGRAMS = (
    ("", ("date", "hostname")),
    ("Dumping netstat", ("netstat --all --numeric",)),
    ("Dumping routes (IPv4)", ("ip -4 route",)),
    ("Dumping routes (IPv6)", ("ip -6 route",)),
    ("Dumping interface info (IPv4)", ("ip -4 addr",)),
    ("Dumping interface info (IPv6)", ("ip -6 addr",)),
    ("Dumping iptables (IPv4)", ("iptables-save", "iptables-save -c")),
    ("Dumping iptables (IPv6)", ("ip6tables-save", "ip6tables-save -c")),
    ("Dumping ipsets", ("ipset list",)),
    ("Copying journal for calico-node.service", ("journalctl -u calico-node.service --no-pager",)),
)


def announce(text: str, environment: Environment) -> None:
    """Print the step that begins. A closed pipe does not prevent the bundle."""
    try:
        environment.say(text)
    except BrokenPipeError:
        pass


class Collection:
    """Collects the files of a bundle. A failed step is noted, also in the file ``summary``, and the next one follows.

    Methods raise OSError where the bundle cannot be written.
    """

    def __init__(self, bundle: Bundle, environment: Environment) -> None:
        self._bundle = bundle
        self._environment = environment
        self._summary = [f"calicoctl {__version__}, {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}", ""]

    def collect(self, log_folder: str) -> None:
        """Take all steps."""
        for announcement, commands in _PROGRAMS:
            if announcement:
                announce(announcement, self._environment)
            for command in commands:
                self._run(command)
        self._signal_felix()
        announce("Dumping status of the node", self._environment)
        self._write("status", self._status)
        for version, name in ((4, "bird"), (6, "bird6")):
            announce(f"Dumping BIRD protocols (IPv{version})", self._environment)
            self._write(f"{name}_show_protocols_all", partial(_protocols, version))
        announce(f"Dumping container {CONTAINER}", self._environment)
        self._write(f"docker_inspect_{CONTAINER}", self._inspection)
        self._write(f"docker_logs_{CONTAINER}", self._log)
        self._copy_logs(log_folder)
        announce("Dumping datastore", self._environment)
        self._write("etcd_calico", self._datastore)
        self._write("summary", lambda: [f"{line}\n" for line in self._summary])

    def _run(self, command: str) -> None:
        """Run a program; its file is called as legacy calls it: as the command without its special characters."""
        with self._bundle.file(re.sub(r"[^A-Za-z0-9 -]", "", command).replace(" ", "_")) as file:
            try:
                write_output(command.split(), file, _SECONDS)
                self._note(command)
            except ProgramFailed as failure:
                file.seek(0, os.SEEK_END)
                file.write(f"{failure}\n".encode())
                self._note(command, str(failure), f"Problem running command: {command}\n  {failure}")

    def _write(self, name: str, pieces: Callable[[], Iterable[str | bytes]]) -> None:
        """Write the results of a step to a file, and the reason if it fails."""
        with self._bundle.file(name) as file:
            try:
                for piece in pieces():
                    file.write(piece if isinstance(piece, bytes) else piece.encode("utf-8", "backslashreplace"))
                self._note(name)
            except CommandError as error:
                reason = " ".join(error.message.split())
                file.write(f"{reason}\n".encode("utf-8", "backslashreplace"))
                self._note(name, reason, f"Problem collecting {name}:\n  {reason}")

    def _note(self, step: str, failure: str = "", complaint: str = "") -> None:
        self._summary.append(f"failed  {step}: {failure}" if failure else f"ok      {step}")
        if complaint:
            self._environment.complain(complaint)

    def _signal_felix(self) -> None:
        """Let Felix write its statistics to its log, before that is copied."""
        announce("Dumping felix stats", self._environment)
        sent, left_alone = signal_catchers(_FELIX, signal.SIGUSR1)
        for pid in sent:
            self._note(f"SIGUSR1 to the process {pid}, felix")
        for pid in left_alone:
            self._note("SIGUSR1", f"the process {pid}, felix, does not catch it")
        if not sent and not left_alone:
            self._note("SIGUSR1", "there is no process named felix")

    def _status(self) -> Iterable[str]:
        found = find_node("docker", backend_by_variable(self._environment), "", self._environment)
        return [described(found), "\n", *(f"{visible(complaint)}\n" for complaint in found.complaints)]

    def _inspection(self) -> Iterable[str]:
        found = docker_reports.inspection(self._docker(), CONTAINER)
        if not found:
            raise CommandError(f"there is no container {CONTAINER}")
        return [found, "\n"]

    def _log(self) -> Iterable[bytes]:
        docker = self._docker()
        if not docker_reports.inspection(docker, CONTAINER):
            raise CommandError(f"there is no container {CONTAINER}")
        return docker_reports.log(docker, CONTAINER, _LINES_OF_LOG)

    def _docker(self) -> Docker:
        return Docker(self._environment.variables, int(_SECONDS))

    def _copy_logs(self, folder: str) -> None:
        if not os.path.isdir(folder):
            announce(f"No logs found in {folder}; skipping log copying", self._environment)
            self._note("logs", f"there is no folder {folder}")
            return
        announce("Copying Calico logs", self._environment)
        for left_out in self._bundle.copy_logs(folder):
            self._note("logs", f"left out {left_out}")
        self._note("logs")

    def _datastore(self) -> Iterable[str]:
        try:
            return [f"{line}\n" for line in dump(self._environment.client())]
        except DatastoreError as error:
            raise CommandError(f"Unable to dump etcd datastore: {error.message}") from None


def _protocols(version: int) -> Iterable[str]:
    answer = bird.ask("show protocols all", version)
    return [f"{answer.path}: {answer.greeting}\n", answer.text(), "\n"]
