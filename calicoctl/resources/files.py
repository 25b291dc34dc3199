"""Where documents come from: a file, standard input, or the files of a directory and those below it."""

from __future__ import annotations

import os

from calicoctl.environment import MOST_INPUT
from calicoctl.errors import CommandError

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.environment import Environment

STDIN = "-"
_ENDINGS = (".yaml", ".yml", ".json")


def texts(filename: str, recursive: bool, environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield the label (a path or ``stdin``) and the text of each file, those of a directory in order of their paths.

    A directory is read only with ``recursive``: its files that end in .yaml, .yml or .json, without hidden ones. Raises
    CommandError for what cannot be read.
    """
    if filename == STDIN:
        yield "stdin", environment.read_input()
    elif recursive and os.path.isdir(filename):
        for path in _files_below(filename):
            yield path, _text(path)
    else:
        yield filename, _text(filename)


def _files_below(directory: str) -> list[str]:
    found = []
    for folder, folders, names in os.walk(directory, onerror=_cannot_read):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(folder, name) for name in names if _is_document(name)]
    return sorted(found)


def _is_document(name: str) -> bool:
    return name.lower().endswith(_ENDINGS) and not name.startswith(".")


def _text(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            content = stream.read(MOST_INPUT + 1)
        if len(content) > MOST_INPUT:
            raise CommandError(f"Failed to execute command: read {path}: it has more than 64 MB")
        return content.decode("utf-8").removeprefix("\ufeff")
    except IsADirectoryError:
        raise CommandError(
            f"Failed to execute command: read {path}: is a directory\nUse --recursive to read the files in it."
        ) from None
    except UnicodeDecodeError as error:
        raise CommandError(f"Failed to execute command: {path} is not UTF-8: byte {error.start + 1}") from None
    except ValueError:  # a NUL in the path
        raise CommandError(f"Failed to execute command: open {path}: no such file or directory") from None
    except OSError as error:
        if error.filename is None:  # it was opened
            raise CommandError(f"Failed to execute command: read {path}: {_reason(error)}") from None
        _cannot_read(error)
        raise


def _cannot_read(error: OSError) -> None:
    raise CommandError(f"Failed to execute command: open {error.filename}: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()
