"""`make deb`: a Debian package with both programs, their man pages and completion for bash, zsh and fish.

``release/debian/`` has the texts of the package, with @NAMES@ in the place of what is known only when it is built.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
from email.utils import formatdate
from pathlib import Path

from calicoctl import __version__
from release import tree

TEXTS = Path(__file__).with_name("debian")
TARGET = tree.ROOT / "dist" / f"calicoctl_{__version__}-1_all.deb"
PROGRAMS = ("calicoctl", "calicoq")
SCRIPTS = ("postinst", "prerm")
MAINTAINER = "The developers of calicoctl <calicoctl@packages.invalid>"


def build(target: Path) -> None:
    """Build the package. Raises tree.CannotBuild."""
    if shutil.which("dpkg-deb") is None:
        raise tree.CannotBuild("There is no dpkg-deb here. On Debian and Ubuntu it is in the package dpkg.")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary, "root")
        share = root / "usr" / "share"
        tree.make(share / "calicoctl")
        for program in PROGRAMS:
            _write(root / "usr" / "bin" / program, _text("program", PROGRAM=program))
        _add_completion(share)
        for page in tree.ROOT.glob("docs/man/*.1"):
            _write(share / "man" / "man1" / f"{page.name}.gz", page.read_text(encoding="utf-8"))
        _add_documents(share / "doc" / "calicoctl")
        _add_control(root)
        _set_modes(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(target)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _add_completion(share: Path) -> None:
    """Write the completion where each shell looks for it by the name of the command."""
    scripts = tree.ROOT / "calicoctl" / "completion"
    bash, zsh, fish = (
        (scripts / f"calicoctl.{shell}").read_text(encoding="utf-8") for shell in ("bash", "zsh", "fish")
    )
    _write(share / "bash-completion" / "completions" / "calicoctl", bash)
    (share / "bash-completion" / "completions" / "calicoq").symlink_to("calicoctl")
    # zsh runs the file as the function _calicoctl for the first completion.
    zsh = f'#compdef calicoctl calicoq\n{zsh}_calicoctl "$@"\n'
    _write(share / "zsh" / "vendor-completions" / "_calicoctl", zsh)
    _write(share / "fish" / "vendor_completions.d" / "calicoctl.fish", fish)
    (share / "fish" / "vendor_completions.d" / "calicoq.fish").symlink_to("calicoctl.fish")


def _add_documents(folder: Path) -> None:
    libraries = "".join(f"  {library.name} {library.version}\n" for library in tree.libraries())
    _write(folder / "copyright", _text("copyright", LIBRARIES=libraries.rstrip()))
    changes = tree.ROOT / "CHANGELOG.md"
    _write(folder / "changelog.gz", changes.read_text(encoding="utf-8"))
    date = formatdate(float(os.environ.get("SOURCE_DATE_EPOCH", changes.stat().st_mtime)))
    _write(folder / "changelog.Debian.gz", _text("changelog", DATE=date))


def _add_control(root: Path) -> None:
    """Write the control files of the package; all its other files must exist."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in files]
    size = sum(path.stat().st_size for path in files) // 1024
    control = root / "DEBIAN"
    _write(control / "control", _text("control", SIZE=str(size)))
    _write(control / "md5sums", "".join(sums))
    for script in SCRIPTS:
        _write(control / script, _text(script))


def _set_modes(root: Path) -> None:
    """Make all files readable, and programs executable, for everybody; the umask of the build does not matter."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" or path.name in SCRIPTS else 0o644)


def _text(name: str, **values: str) -> str:
    """Return a text of release/debian/ with values in it."""
    text = (TEXTS / name).read_text(encoding="utf-8")
    for key, value in {"VERSION": __version__, "MAINTAINER": MAINTAINER, **values}.items():
        text = text.replace(f"@{key}@", value)
    return text


def _write(path: Path, text: str) -> None:
    """Write a text; one that is named `.gz`, compressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode("utf-8")
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


if __name__ == "__main__":
    tree.main(build, TARGET)
