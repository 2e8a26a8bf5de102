"""What a person sees on a real terminal while a run is at work: driven under a pseudo-terminal."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")]

PIPELINE = """\
data:
  source: sklearn:iris
features:
  target: target
model:
  type: decision_tree
evaluation:
  cv: {folds: 2}
training:
  budget_s: 40
"""
WIDTH = 60


def _screen(folder: Path, *command: str) -> str:
    """Everything the command draws on a terminal of 60 columns."""
    import fcntl
    import pty
    import struct
    import subprocess
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "modelwright", *command],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"},
    )
    os.close(theirs)
    drawn = b""
    while True:
        try:
            chunk = os.read(ours, 1 << 16)
        except OSError:  # Linux says so when the other end is closed
            break
        if not chunk:
            break
        drawn += chunk
    os.close(ours)
    assert process.wait() in (0, 3), drawn.decode(errors="replace")
    return drawn.decode()


def test_progress_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    drawn = _screen(tmp_path, "run", "pipeline.yaml")
    assert "\x1b[?25l" in drawn, "the cursor is hidden while the view lives"
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l"), "and shown again"
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn).replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= WIDTH
    for step in ("data", "split", "check", "train", "evaluate"):
        assert any(line.startswith(f"  ✓ {step}") for line in lines), step
    assert any(re.search(r"train: .* · (best .* · )?\d+ s left", line) for line in lines)
    assert any("next: modelwright predict" in line or "next: modelwright review" in line for line in lines)
