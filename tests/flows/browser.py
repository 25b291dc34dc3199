"""A headless Chromium that opens a page, lets a script act on it as a user would, and returns what the script found."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ACTIONS = """
const found = {}, errors = [];
addEventListener("error", event => errors.push(event.message));
const text = selector => document.querySelector(selector).innerText;
function type(id, value) {
  document.getElementById(id).value = value;
  document.getElementById(id).dispatchEvent(new Event("input"));
}
const press = (...keys) => keys.forEach(key =>
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true})));
function click(row, column) {
  const box = canvas.getBoundingClientRect();
  const place = {clientX: box.left + left + (column + .5) * size, clientY: box.top + top_ + (row + .5) * size};
  canvas.dispatchEvent(new MouseEvent("click", {...place, bubbles: true}));
}
"""


def act(page: str, script: str, folder: Path, options: tuple[str, ...] = ()) -> Any:
    """Return what a script adds to ``found``; see ACTIONS for what it can call. Skips without a Chromium."""
    chromium = next((path for name in NAMES if (path := shutil.which(name))), None)
    if chromium is None:
        pytest.skip("there is no Chromium: apt-get install chromium-headless-shell")
    end = 'document.body.append(element("pre", JSON.stringify({...found, errors}), "found"));'
    file = folder / "page.html"
    file.write_text(page.replace("</body>", f"<script>{ACTIONS}{script}{end}</script></body>"), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/chromium", *options]
    shown = subprocess.run(
        [*command, "--window-size=1400,850", "--dump-dom", file.as_uri()], check=True, capture_output=True, timeout=120
    )
    answer = re.search(r'<pre class="found">(.*?)</pre>', shown.stdout.decode("utf-8"), re.DOTALL)
    assert answer, shown.stderr.decode()
    return json.loads(html.unescape(answer[1]))
