"""Finding other programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from calicoctl.host import program


def test_programs_in_the_current_folder_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder may be writable for everyone, and diags and node run as root."""
    for folder in (tmp_path, tmp_path / "bin"):
        folder.mkdir(exist_ok=True)
        (folder / "ipset").write_text("")
        (folder / "ipset").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "_SYSTEM_FOLDERS", ())
    for path in ("", ":", ".", "bin", f":{tmp_path}/none:bin"):
        monkeypatch.setenv("PATH", path)
        assert program.find("ipset") is None
    monkeypatch.setenv("PATH", f":{tmp_path}/bin")
    assert program.find("ipset") == f"{tmp_path}/bin/ipset"
