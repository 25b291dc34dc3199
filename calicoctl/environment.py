"""The environment of a command: its streams, its environment variables, its configuration and the client of etcd."""

from __future__ import annotations

import time

from calicoctl.errors import CommandError
from calicoctl.output import shortened, visible
from calicoctl.signals import SLICE

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from io import BufferedReader, BytesIO
    from typing import Any, TextIO

    from calicoctl.configuration.order import Configuration
    from calicoctl.etcd.client import Client
    from calicoctl.progress import Steps

    Row = Mapping[str, object] | Sequence[object]

SYSTEM_FILE = "/etc/calico/calicoctl.cfg"  # the same path as in Go calicoctl 1.x
MOST_INPUT = 64 * 2**20  # bytes; etcd could not store input of this size
_CHUNK = 2**20


class Environment:
    """The streams and settings that a command works with.

    Answers go to ``stdout``, complaints to ``stderr``. ``variables`` holds the environment variables, ``options`` the
    options before the command by name; ``system_file`` is the path of the system-wide configuration file.
    Settings are read only when a command needs them, so that help and version work in a broken environment.
    ``failure_status`` is the exit status of a failure: 1, or 2 for a command that uses 1 as a result.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        stdin: TextIO | None,
        stdout: TextIO,
        stderr: TextIO,
        system_file: str = SYSTEM_FILE,
    ) -> None:
        self.variables = variables
        self.options: Mapping[str, str] = {}
        self.system_file = system_file
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.failure_status = 1
        self._began = time.monotonic()
        self._for_pager: list[str] = []
        self.rows_printer: Callable[[Iterable[Row]], None] | None = None  # None: a listing prints its usual table
        self._configuration: Configuration | None = None
        self._client: Client | None = None

    def configuration(self) -> Configuration:
        """Return the settings of etcd from options, environment variables and files. Raises CommandError."""
        if self._configuration is None:
            from calicoctl.configuration.order import Configuration

            self._configuration = Configuration(self.variables, self.options, self.system_file)
        return self._configuration

    def client(self, overrides: Mapping[str, str] | None = None) -> Client:
        """Return the client of the configured etcd. It connects when the first request is made.

        ``overrides`` replace variables of the configuration. Raises CommandError if the configuration is invalid.
        """
        if self._client is None:
            from calicoctl.etcd.client import Client
            from calicoctl.etcd.settings import Settings

            settings = Settings.from_environment({**self.configuration().variables(), **(overrides or {})})
            terminal = self.stderr if self.stderr.isatty() else None
            trace = self.complain if self.variables.get("CALICOCTL_DEBUG") else None
            self._client = Client(settings, terminal, trace)
        return self._client

    def work_on(self, client: Any) -> None:
        """Let the command work on something else than etcd, which answers as ``Client`` does."""
        self.close()
        self._client = client

    def steps(self, what: str) -> Steps:
        """Return a progress line for many steps, which appears on a terminal after two seconds."""
        from calicoctl.progress import Steps

        return Steps(self.stderr if self.stderr.isatty() else None, what, self._began)

    def say(self, text: str, painter: str = "") -> None:
        """Print an answer. Raises CommandError if it cannot be written, BrokenPipeError if the reader has gone.

        ``painter`` is the name of the function in ``calicoctl.colour`` that colours the text, if colours are used.
        """
        text = self._painted(text, painter, self.stdout) if painter else text
        if self.variables.get("CALICOCTL_PAGER") and self.stdout.isatty():
            self._for_pager.append(text)
            return
        with _WriteErrors():
            self.stdout.write(text + "\n")

    def say_rows(self, rows: Iterable[Row]) -> bool:
        """Print the rows of a listing if the options before the command ask for them, and tell whether they did.

        If not, the rows are not iterated over, and the command prints its usual table. A row maps the fields of the
        listing (``calicoctl.listings``) to their values, or holds the values in the order of the fields.
        """
        if self.rows_printer is None:
            return False
        self.rows_printer(rows)
        return True

    def _show_collected(self) -> None:
        """Show the answers that were collected for the pager: in the pager if they are long."""
        if not self._for_pager:
            return
        from calicoctl.pager import show

        text = "\n".join(self._for_pager)
        self._for_pager.clear()
        with _WriteErrors():
            if not show(text, self.variables, self.stdout):
                self.stdout.write(text + "\n")

    def _painted(self, text: str, painter: str, stream: TextIO) -> str:
        if not (stream.isatty() or self.variables.get("CLICOLOR_FORCE") or "--color" in self.options):
            return text  # without importing the module
        from calicoctl import colour

        if not colour.is_wanted(self.options.get("--color", "auto"), self.variables, stream):
            return text
        painted: str = getattr(colour, painter)(text)
        return painted

    def wants_rows(self) -> bool:
        """Tell whether the options ask for the rows of a listing in another form than the command's usual table."""
        return "--columns" in self.options or self.options.get("--output", "table") != "table"

    def takes_all_characters(self) -> bool:
        """Tell whether ``stdout`` can encode every character, and does so as UTF-8."""
        encoding = getattr(self.stdout, "encoding", None)
        return encoding is None or encoding.lower().replace("_", "-") in ("utf-8", "utf8")

    def complain(self, text: str, painter: str = "message") -> None:
        """Print a complaint, a warning or a remark, none of which is part of the answer."""
        self._show_collected()
        try:
            self.stdout.flush()  # keeps the order when both streams go to the same terminal or file
        except OSError:
            pass  # ``finish`` reports this failure
        try:
            lines = "\n".join(visible(shortened(line)) for line in text.split("\n"))
            self.stderr.write(self._painted(lines, painter, self.stderr) + "\n")
        except OSError:
            pass  # there is no other stream to report it on

    def finish(self) -> None:
        """Flush ``stdout``, and print the client's remarks on the outcome of writes."""
        self._show_collected()
        with _WriteErrors():
            self.stdout.flush()
        self._print_remarks()

    def close(self) -> None:
        """Close the connections that the command has opened."""
        if self._client is not None:
            self._client.close()

    def fail(self, text: str) -> None:
        """Print why the command failed. The client's remarks come first, because they may explain the failure.

        If the text names settings that come from files, the names of these files follow it.
        """
        self._print_remarks()
        origins = self._configuration.origins(text) if self._configuration else []
        sentences = text.rstrip("\n")
        self.complain("\n".join([sentences, *origins]) + text[len(sentences) :], "failure")

    def _print_remarks(self) -> None:
        while self._client and self._client.remarks:
            self.complain(self._client.remarks.pop(0))

    def read_input(self) -> str:
        """Read standard input to its end as UTF-8, without a byte order mark at its start.

        If it is a terminal, a message first says that the command is waiting for input. Raises CommandError if the
        input is closed, has more than 64 MB or is not UTF-8.
        """
        if self.stdin is None:
            raise CommandError("Standard input is closed, but this command reads from it.")
        if self.stdin.isatty():
            self.complain("Reading from standard input; end with Ctrl-D.")
        try:
            text = self._input_text()
        except UnicodeDecodeError as error:
            place = f"byte {error.start + 1} is 0x{error.object[error.start]:02x}"
            raise CommandError(f"Standard input is not UTF-8: {place}.") from None
        except OSError as error:
            raise CommandError(f"Cannot read standard input: {error.strerror}.") from None
        return text.removeprefix("\ufeff")

    def _input_text(self) -> str:
        assert self.stdin is not None
        raw = getattr(self.stdin, "buffer", None)  # StringIO has no binary buffer
        if raw is None:
            return self.stdin.read()
        content = bytearray()
        while chunk := _next_chunk(raw):
            content += chunk
            if len(content) > MOST_INPUT:
                raise CommandError("Cannot read standard input: it has more than 64 MB.")
        return content.decode("utf-8")


def _next_chunk(raw: BufferedReader | BytesIO) -> bytes:
    """Return the next bytes of an input, or no bytes at its end. A signal can interrupt the wait for them."""
    if hasattr(raw, "raw"):  # a file, not a buffer in memory
        import select

        while not select.select([raw], [], [], SLICE)[0]:
            pass
    return raw.read1(_CHUNK)


class _WriteErrors:
    """Context manager that raises CommandError if standard output cannot be written.

    BrokenPipeError passes through: it means that the reader has gone.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise CommandError(f"Cannot write to standard output: {error.strerror}.") from None
