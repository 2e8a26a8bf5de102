"""Dependencies: the lock files of the snapshot, and what is installed compared with what was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from modelwright.core.errors import StateError
from modelwright.lifecycle.environment import packages
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.snapshotting.files import put_back, remember, restore
from modelwright.lifecycle.snapshotting.work import DIFFERS, DONE, UNCHANGED, Work

_INSTALL_S = 900
_COMPLETE = ".complete"


class Dependencies:
    name = "dependencies"

    def prepare(self, work: Work) -> dict[str, Any]:
        current = work.space.root / "environments" / "current"
        return {
            "files": remember(work, work.snapshot.locks),
            "current": str(current.readlink()) if current.is_symlink() else "",
        }

    def do(self, work: Work, prior: dict[str, Any]) -> tuple[str, str]:
        restored = restore(work, work.snapshot.locks)
        then, now = work.snapshot.packages, packages()
        differing = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
        said = f"{len(restored)} lock files put back; " if restored else ""
        if not differing:
            return (DONE if restored else UNCHANGED), f"{said}all {len(then)} distributions are as they were"
        told = ", ".join(f"{name} {then.get(name, 'absent')} (now {now.get(name, 'absent')})" for name in differing[:3])
        if not work.wish.reinstall:
            return DIFFERS, (
                f"{said}{len(differing)} of {len(then)} distributions differ: {told}; this environment stays, the "
                "validation decides (--reinstall installs the lock beside it)"
            )
        where = _install(work)
        _switch(work.space.root / "environments" / "current", where.name)
        return DONE, f"{said}{len(differing)} distributions differed; the lock is installed in {where}"

    def undo(self, work: Work, prior: dict[str, Any]) -> None:
        put_back(work, prior["files"])
        current = work.space.root / "environments" / "current"
        if prior["current"]:
            _switch(current, prior["current"])
        else:
            current.unlink(missing_ok=True)


def _install(work: Work) -> Path:
    """A fresh environment with what the lock says, beside the present one; complete or not there.

    Raises StateError (`rollback.no_lock`, `rollback.install`).
    """
    locks = [
        kept.path
        for kept in work.snapshot.locks
        if kept.path.endswith((".txt", ".lock")) and "requirements" in kept.path
    ]
    if not locks:
        raise StateError(
            "The snapshot holds no requirements file, so nothing says what to install.",
            code="rollback.no_lock", hint="leave --reinstall out, and install by your own tool's lock",
            subject="dependencies",
        )  # fmt: skip
    folder = work.space.root / "environments" / work.snapshot.locks[0].sha256[:16]
    if (folder / _COMPLETE).is_file():
        return folder
    python = folder / "bin" / "python"
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    reached("restore.dependencies.made")
    given = [part for path in locks for part in ("--requirement", str(work.wish.project.absolute() / path))]
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", *given])
    _run([str(python), "-m", "pip", "check", "--disable-pip-version-check"])
    reached("restore.dependencies.installed")
    (folder / _COMPLETE).touch()
    return folder


def _run(command: list[str]) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S, check=False, env=plain)  # noqa: S603 - our own interpreter, no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error
    if done.returncode:
        raise _failed((done.stderr or done.stdout).strip()[-400:])


def _failed(why: str) -> StateError:
    return StateError(
        f"The dependencies of the snapshot could not be installed: {why}",
        code="rollback.install",
        hint="the present environment is untouched; leave --reinstall out to go back without it",
        subject="dependencies",
    )


def _switch(link: Path, target: str) -> None:
    """One rename: the link is the old one or the new one."""
    draft = link.with_name(".current.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)
