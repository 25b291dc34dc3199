"""The sources of documents: a file, standard input, or all files in a directory and its subdirectories."""

from __future__ import annotations

import os

from calicoctl.environment import MOST_INPUT
from calicoctl.errors import CommandError
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.environment import Environment
    from calicoctl.etcd.memory import MemoryClient

STDIN = "-"
_ENDINGS = (".yaml", ".yml", ".json")


class UnreadableFile(CommandError):
    """A file cannot be read; ``problem`` says why."""

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(f"Failed to execute command: {problem}{advice}")
        self.problem = problem


def texts(filename: str, recursive: bool, environment: Environment, problems: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the label (a path or ``stdin``) and the text of each file; files in a directory are sorted by path.

    A directory is read only with ``recursive``: its .yaml, .yml and .json files that are not hidden. Files and
    directories in it that cannot be read are added to ``problems``. Raises CommandError if ``filename`` is a file that
    cannot be read.
    """
    if filename == STDIN:
        yield "stdin", environment.read_input()
    elif recursive and os.path.isdir(filename):
        yield from _texts_below(filename, problems)
    else:
        yield filename, _text(filename)


def saved_datastore(path: str, environment: Environment, for_etcd: bool = False) -> MemoryClient:
    """Return what ``calicoctl backup`` has saved; ``-`` is standard input. Raises CommandError.

    ``for_etcd`` refuses a copy whose names and addresses were replaced.
    """
    from calicoctl.datastore.saved import MalformedSave, from_text

    ((_, text),) = texts(path, False, environment, [])
    try:
        return from_text(text, for_etcd)
    except MalformedSave as error:
        raise CommandError(f"{visible(path)} is no saved datastore: {visible(str(error))}.") from None


def _texts_below(directory: str, problems: list[str]) -> Iterator[tuple[str, str]]:
    for path in _files_below(directory, problems):
        try:
            text = _text(path)
        except UnreadableFile as error:
            problems.append(error.problem)
        else:
            yield path, text


def _files_below(directory: str, problems: list[str]) -> list[str]:
    found = []
    for folder, folders, names in os.walk(directory, onerror=lambda error: problems.append(_cannot_open(error))):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(folder, name) for name in names if _is_document(name)]
    return sorted(found)


def _is_document(name: str) -> bool:
    return name.lower().endswith(_ENDINGS) and not name.startswith(".")


def _text(path: str) -> str:
    """Return the text of a file. Raises UnreadableFile."""
    try:
        with open(path, "rb") as stream:
            content = stream.read(MOST_INPUT + 1)
        if len(content) > MOST_INPUT:
            raise UnreadableFile(f"read {path}: it has more than 64 MB")
        return content.decode("utf-8").removeprefix("\ufeff")
    except IsADirectoryError:
        advice = "\nUse --recursive to read the files in it."
        raise UnreadableFile(f"read {path}: is a directory", advice) from None
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path} is not UTF-8: byte {error.start + 1}") from None
    except ValueError:  # a NUL in the path
        raise UnreadableFile(f"open {path}: no such file or directory") from None
    except OSError as error:
        was_opened = error.filename is None
        raise UnreadableFile(f"read {path}: {_reason(error)}" if was_opened else _cannot_open(error)) from None


def _cannot_open(error: OSError) -> str:
    return f"open {error.filename}: {_reason(error)}"


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()
