"""What surrounds a command: its streams, its environment variables and, once asked for, the datastore."""

from __future__ import annotations

from calicoctl.errors import CommandError
from calicoctl.output import shortened, visible
from calicoctl.signals import SLICE

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedReader, BytesIO
    from typing import Any, TextIO

    from calicoctl.etcd.client import Client

MOST_INPUT = 64 * 2**20  # bytes; more than etcd could hold of it
_CHUNK = 2**20


class Environment:
    """The streams and settings that a command works with.

    Answers go to ``stdout``, complaints to ``stderr``. ``variables`` are the environment variables. Nothing is
    looked at before a command needs it, so that help and version work in a broken environment. ``failure_status`` is
    the exit status of a command that fails: 1, but 2 for a command that uses 1 as a result.
    """

    def __init__(self, variables: Mapping[str, str], stdin: TextIO | None, stdout: TextIO, stderr: TextIO) -> None:
        self.variables = variables
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.failure_status = 1
        self._client: Client | None = None

    def client(self) -> Client:
        """Return the connection to etcd that the environment variables describe; it connects with its first request.

        Raises CommandError if the variables are not usable.
        """
        if self._client is None:
            from calicoctl.etcd.client import Client
            from calicoctl.etcd.settings import Settings

            terminal = self.stderr if self.stderr.isatty() else None
            trace = self.complain if self.variables.get("CALICOCTL_DEBUG") else None
            self._client = Client(Settings.from_environment(self.variables), terminal, trace)
        return self._client

    def work_on(self, client: Any) -> None:
        """Let the command work on something else than etcd, which answers as ``Client`` does."""
        self.close()
        self._client = client

    def say(self, text: str) -> None:
        """Print an answer. Raises CommandError where it cannot be written, BrokenPipeError if nobody reads it."""
        with _WriteErrors():
            self.stdout.write(text + "\n")

    def takes_all_characters(self) -> bool:
        """Tell whether every character can be printed as an answer, and read again as UTF-8."""
        encoding = getattr(self.stdout, "encoding", None)
        return encoding is None or encoding.lower().replace("_", "-") in ("utf-8", "utf8")

    def complain(self, text: str) -> None:
        """Print a complaint, a warning or a remark that is no part of the answer."""
        try:
            self.stdout.flush()  # keeps the two streams in order where they end in one place
        except OSError:
            pass  # ``finish`` reports what became of the answer
        try:
            self.stderr.write("\n".join(visible(shortened(line)) for line in text.split("\n")) + "\n")
        except OSError:
            pass  # there is nobody left to tell

    def finish(self) -> None:
        """Write out what was said, and what the operator should know about how the writes ended."""
        with _WriteErrors():
            self.stdout.flush()
        self._print_remarks()

    def close(self) -> None:
        """Close what the command has opened."""
        if self._client is not None:
            self._client.close()

    def fail(self, text: str) -> None:
        """Print why the command ends in failure, after what else the operator should know: that may be the cause."""
        self._print_remarks()
        self.complain(text)

    def _print_remarks(self) -> None:
        while self._client and self._client.remarks:
            self.complain(self._client.remarks.pop(0))

    def read_input(self) -> str:
        """Read standard input to its end as UTF-8; a byte order mark at its start is dropped.

        On a terminal the operator is told first that input is awaited. Raises CommandError if the input is closed,
        has more than 64 MB or is no UTF-8.
        """
        if self.stdin is None:
            raise CommandError("Standard input is closed, and this command reads from it.")
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
        raw = getattr(self.stdin, "buffer", None)  # text streams without bytes below them: StringIO
        if raw is None:
            return self.stdin.read()
        content = bytearray()
        while chunk := _next_chunk(raw):
            content += chunk
            if len(content) > MOST_INPUT:
                raise CommandError("Cannot read standard input: it has more than 64 MB.")
        return content.decode("utf-8")


def _next_chunk(raw: BufferedReader | BytesIO) -> bytes:
    """Return what can be read next of an input, nothing at its end; a signal ends the wait for it."""
    if hasattr(raw, "raw"):  # a file, not bytes in memory
        import select

        while not select.select([raw], [], [], SLICE)[0]:
            pass
    return raw.read1(_CHUNK)


class _WriteErrors:
    """Turns the failure of a write to standard output into a message; a reader that went away is no failure."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise CommandError(f"Cannot write to standard output: {error.strerror}.") from None
