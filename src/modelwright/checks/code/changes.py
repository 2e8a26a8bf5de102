"""What a change has brought: the files that differ from a commit, and how they were there. Read by `git`."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from modelwright.core.errors import NotFoundError, SpecError

_LIMIT_S = 120


class Changes:
    """The difference between a commit and the working tree around a folder."""

    def __init__(self, folder: Path, base: str) -> None:
        """Raises NotFoundError (`review.no_git`) and SpecError (`review.base`)."""
        self._folder = folder
        top = self._git("rev-parse", "--show-toplevel")
        if top is None:
            raise NotFoundError(
                "--diff needs a git repository here.", code="review.no_git", hint="use --baseline without git",
                subject=str(folder),
            )  # fmt: skip
        self.top = Path(top.decode("utf-8", "surrogateescape").rstrip("\n"))
        commit = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", base + "^{commit}")
        if commit is None:
            raise SpecError(
                f"git knows no commit '{base}'.", code="review.base", hint="fetch it, or name a branch, tag or commit",
                subject=base,
            )  # fmt: skip
        self._commit = commit.decode().strip()
        self._former = self._read()

    def touches(self, path: Path) -> bool:
        return self._inside(path) in self._former

    def before(self, path: Path) -> bytes | None:
        """The file as the commit has it; None where it has none."""
        former = self._former.get(self._inside(path))
        return None if former is None else self._git("cat-file", "blob", f"{self._commit}:{former}")

    def _inside(self, path: Path) -> str:
        whole = path if path.is_absolute() else self._folder / path
        try:
            return whole.resolve().relative_to(self.top.resolve()).as_posix()
        except ValueError:
            return ""

    def _read(self) -> dict[str, str | None]:
        """Path now -> path in the commit."""
        listed = self._git("diff", "--name-status", "-z", "-M", self._commit, "--") or b""
        words = [word.decode("utf-8", "surrogateescape") for word in listed.split(b"\0") if word]
        former: dict[str, str | None] = {}
        while words:
            kind = words.pop(0)
            if kind[0] in "RC":
                old, new = words.pop(0), words.pop(0)
                former[new] = old
            else:
                name = words.pop(0)
                former[name] = None if kind == "A" else name
        untracked = self._git("ls-files", "-z", "--others", "--exclude-standard", "--full-name", ":/") or b""
        former |= {word.decode("utf-8", "surrogateescape"): None for word in untracked.split(b"\0") if word}
        return former

    def _git(self, *words: str) -> bytes | None:
        try:
            done = subprocess.run(  # noqa: S603 - words are ours, or follow --end-of-options
                ["git", "-C", str(self._folder), *words],  # noqa: S607 - the person's own git
                capture_output=True,
                timeout=_LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None


def changed_lines(before: Sequence[str], now: Sequence[str]) -> frozenset[int]:
    """1-based lines of `now` that `before` did not have there."""
    same = 0  # comparing is quadratic, so what both begin and end with is taken off first
    while same < min(len(before), len(now)) and before[same] == now[same]:
        same += 1
    end = 0
    while end < min(len(before), len(now)) - same and before[-1 - end] == now[-1 - end]:
        end += 1
    old, new = before[same : len(before) - end], now[same : len(now) - end]
    matcher = difflib.SequenceMatcher(None, old, new)
    return frozenset(
        same + line + 1
        for kind, _, _, first, last in matcher.get_opcodes()
        if kind in ("replace", "insert")
        for line in range(first, last)
    )
