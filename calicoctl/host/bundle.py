"""A bundle of diagnostics: files collected in a temporary folder, packed into one that can be passed on.

Keys, certificates and passwords in URLs are removed from every file while it is packed.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
import tempfile
import time
from contextlib import suppress

from calicoctl.errors import CommandError
from calicoctl.signals import Blocked

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_PIECE = 2**20  # bytes to read at once
_LONGEST_LINE = 64 * 2**20  # bytes; a longer one is searched in parts
_LONGEST_PEM = 1000  # lines; a longer one is not a key
_BEGIN, _END = b"-----BEGIN ", b"-----END "
_REMOVED = b"(removed: a key or certificate)"
_PASSWORD = re.compile(rb"://[^\s/@:]{1,200}:[^\s/@]{1,200}@")
_SECRET_FILE = re.compile(r"\.(pem|key|crt|cer|der|p12|pfx|jks)$", re.IGNORECASE)


class Bundle:
    """A context manager. When the block ends, the collected files are removed, and so is an incomplete bundle.

    ``folder`` is its temporary folder, which only the owner can enter. Methods raise OSError where the disk cannot be
    written to.
    """

    def __init__(self, target: str, temporary_folder: str) -> None:
        """``target`` is the file to write, empty for one in ``folder``, which is then kept.

        ``temporary_folder`` is where to make the folder, empty for the system's. Raises CommandError, before anything
        is collected, for a target that cannot be written.
        """
        self.folder = ""
        self._partial = ""
        self._target = target
        self._keeps_folder = not target
        self._is_done = False
        try:
            with Blocked():
                self.folder = tempfile.mkdtemp(dir=temporary_folder or None)
                self._tree = os.path.join(self.folder, "diagnostics")
                os.mkdir(self._tree, 0o700)
                if not target:
                    name = time.strftime("diags-%d%m%y_%H%M%S.tar.gz")
                    self._target = os.path.join(self.folder, name)
                self._partial, self._file = _new_file_beside(self._target)
        except (OSError, ValueError) as error:
            self._remove()
            where = f"'{target}'" if self.folder else "a temporary folder"
            raise CommandError(f"Cannot write {where}: {getattr(error, 'strerror', None) or error}.") from None

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, *error: object) -> None:
        with Blocked():
            self._remove()

    def _remove(self) -> None:
        if self.folder:
            is_kept = self._is_done and self._keeps_folder
            shutil.rmtree(self._tree if is_kept else self.folder, ignore_errors=True)
        if self._partial and not self._is_done:
            with suppress(OSError):  # of a full disk: it writes what it still has
                self._file.close()
            with suppress(FileNotFoundError):  # it was in the folder
                os.unlink(self._partial)

    def file(self, name: str) -> BinaryIO:
        """Open a new file of the bundle to be written."""
        path = os.path.join(self._tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path, "wb")

    def copy_logs(self, source: str) -> Iterator[str]:
        """Copy the files below a folder, but for locks, to ``logs/``; yield what was left out and why, a line each.

        Symbolic links are not followed: their targets may not be logs.
        """
        for folder, folders, files in os.walk(source):
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for name in sorted([*files, *links]):
                path = os.path.join(folder, name)
                reason = "" if name == "lock" else self._copy_log(path, os.path.relpath(path, source))
                if reason:
                    yield f"{path}: {reason}"

    def _copy_log(self, path: str, name: str) -> str:
        """Copy a file as long as it is now; return why it was left out, nothing if it was copied."""
        if os.path.islink(path):
            return "it is a symbolic link"
        if _SECRET_FILE.search(name):
            return "it may be a key or a certificate"
        try:
            opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            return str(error.strerror)
        with os.fdopen(opened, "rb") as log:
            found = os.fstat(opened)
            free = shutil.disk_usage(self.folder).free
            if not stat.S_ISREG(found.st_mode):
                return "it is not a regular file"
            if found.st_size > free // 2:
                return f"it has {found.st_size:,} bytes, and {free:,} are free for the bundle"
            with self.file(os.path.join("logs", name)) as copy:
                left = found.st_size
                while left > 0 and (piece := log.read(min(left, _PIECE))):  # it may have been cut meanwhile
                    left -= copy.write(piece)
        return ""

    def pack(self) -> str:
        """Write the bundle, which only its owner can read, and return its path."""
        with tarfile.open(fileobj=self._file, mode="w:gz") as archive:
            for folder, _, names in os.walk(self._tree):
                for name in sorted(names):
                    path = os.path.join(folder, name)
                    self._add(archive, path, os.path.join("diagnostics", os.path.relpath(path, self._tree)))
        self._file.close()
        with Blocked():
            os.replace(self._partial, self._target)
            self._is_done = True
        return self._target

    def _add(self, archive: tarfile.TarFile, path: str, name: str) -> None:
        with open(path, "rb") as source, tempfile.TemporaryFile(dir=self.folder) as cleaned:
            for piece in without_secrets(source):
                cleaned.write(piece)
            entry = tarfile.TarInfo(name)
            entry.size = cleaned.tell()
            entry.mode = 0o600
            entry.mtime = int(os.path.getmtime(path))
            cleaned.seek(0)
            archive.addfile(entry, cleaned)


def _new_file_beside(target: str) -> tuple[str, BinaryIO]:
    """Open a new file that is to take the place of a target, and return its path too. Raises OSError, ValueError."""
    try:
        if not stat.S_ISREG(os.lstat(target).st_mode):
            raise ValueError("it exists and is not a regular file")
    except FileNotFoundError:
        pass
    folder, name = os.path.split(target)
    file, path = tempfile.mkstemp(prefix=f".{name[:100]}.", dir=folder or ".")
    return path, os.fdopen(file, "wb")


def without_secrets(source: BinaryIO) -> Iterator[bytes]:
    """Yield what is in a file, with a remark in place of each key, certificate and password of a URL."""
    lines_of_pem = 0
    while line := source.readline(_LONGEST_LINE):
        kept = []
        while line:
            if lines_of_pem:
                inside, end, line = line.partition(_END)
                lines_of_pem += 1
                if end or lines_of_pem > _LONGEST_PEM:
                    lines_of_pem = 0
                    line = line.partition(b"-----")[2]
            else:
                before, begin, line = line.partition(_BEGIN)
                kept.append(_PASSWORD.sub(b"://***@", before))
                if begin:
                    kept.append(_REMOVED)
                    lines_of_pem = 1
        yield b"".join(kept)
