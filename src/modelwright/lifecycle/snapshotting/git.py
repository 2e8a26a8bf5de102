"""The code's own history: what it is at, keeping a working tree safe, going to a commit. No hook of anybody runs."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from modelwright.core.errors import StateError

_NAMES = {"NAME": "modelwright", "EMAIL": "modelwright@localhost"}
_TIMEOUT_S = 120
#: a folder of this name can never hold a hook
_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")


class Repository:
    """The repository around a folder; `top` is None where there is none, and `why` says so."""

    def __init__(self, project: Path, workspace: Path) -> None:
        self.project, self._workspace = project.absolute(), workspace.absolute()
        self.why, self.top = "", None
        try:
            found = self._run("rev-parse", "--show-toplevel", check=False, at=self.project)
        except StateError as error:
            self.why = error.message
            return
        if found.returncode:
            self.why = "the project is in no git repository"
            return
        self.top = Path(found.stdout.strip())
        if not self.says("rev-parse", "--verify", "--quiet", "HEAD", check=False):
            self.why, self.top = "the git repository has no commit yet", None

    # ------------------------------------------------------------ asking

    def says(self, *arguments: str, check: bool = True) -> str:
        return self._run(*arguments, check=check).stdout.strip()

    @property
    def head(self) -> str:
        return self.says("rev-parse", "HEAD")

    @property
    def branch(self) -> str:
        return self.says("symbolic-ref", "--quiet", "--short", "HEAD", check=False)

    def changed(self) -> list[str]:
        """Paths of tracked files that differ from the last commit, and of new ones that git does not ignore."""
        told = self._run(
            "status", "--porcelain", "-z", "--untracked-files=all", "--", ".", *self._but_workspace()
        ).stdout
        return [entry[3:] for entry in told.split("\0") if len(entry) > 3]

    def has(self, commit: str) -> bool:
        return not self._run("cat-file", "-e", f"{commit}^{{commit}}", check=False).returncode

    def tracks_workspace(self) -> bool:
        inside = self._inside()
        return bool(inside) and bool(self.says("ls-files", "--", inside))

    def tree_now(self) -> str:
        """The tree of the files as they are, new ones too; what git ignores and the workspace are not part of it."""
        with tempfile.TemporaryDirectory() as scratch:
            own = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self._run("read-tree", "HEAD", more=own)
            self._run("add", "--all", "--", ".", *self._but_workspace(), more=own)
            return self._run("write-tree", more=own).stdout.strip()

    # ------------------------------------------------------------ inside

    def _inside(self) -> str:
        assert self.top is not None
        try:
            return self._workspace.resolve().relative_to(self.top.resolve()).as_posix()
        except ValueError:
            return ""

    def _but_workspace(self) -> list[str]:
        """Nothing where git ignores it anyway: `git add` takes an ignored name for a mistake."""
        inside = self._inside()
        if not inside or not self._run("check-ignore", "--quiet", "--", inside, check=False).returncode:
            return []
        return [f":(top,exclude,literal){inside}"]

    def _run(
        self, *arguments: str, check: bool = True, more: Mapping[str, str] | None = None, at: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        names = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _NAMES.items()}
        try:
            done = subprocess.run(  # noqa: S603 - fixed program, our own verbs, no shell
                ["git", *_NO_HOOKS, "-C", str(at or self.top), *arguments],  # noqa: S607
                capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL,
                env={**plain, **names, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **(more or {})},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StateError(f"git cannot be run: {error}.", code="rollback.git", subject="code") from error
        if check and done.returncode:
            raise StateError(
                f"git {arguments[0]} did not work: {done.stderr.strip()[:400]}",
                code="rollback.git",
                hint="nothing of the working tree was lost; do what git says and roll back again",
                subject="code",
            )
        return done


# ---------------------------------------------------------------- changing


def keep(repository: Repository, reference: str, message: str) -> str:
    """Commit the working tree as it is, new files too, under a reference of its own. Nothing else changes."""
    commit = repository.says("commit-tree", repository.tree_now(), "-p", "HEAD", "-m", message)
    hold(repository, reference, commit)
    return commit


def hold(repository: Repository, reference: str, commit: str) -> None:
    """So that git never throws it away."""
    repository.says("update-ref", f"refs/modelwright/{reference}", commit)


def go(repository: Repository, where: str) -> None:
    """Check out a branch or a commit. Files that would be lost stand in the way, ignored ones too."""
    is_branch = repository.says("rev-parse", "--verify", "--quiet", f"refs/heads/{where}", check=False)
    to = [where] if is_branch else ["--detach", where]
    repository.says("checkout", "--quiet", "--no-overwrite-ignore", *to)


def drop_changes(repository: Repository, kept: str) -> None:
    """Make the working tree that of HEAD; everything else is in `kept`."""
    repository.says("read-tree", "--reset", "-u", kept)
    repository.says("read-tree", "--reset", "-u", "HEAD")


def give_up(repository: Repository, path: str) -> None:
    """Let go of a file of the project, kept elsewhere, so that it does not stand in the way of `go`."""
    file = repository.project / path
    if repository.says("ls-files", "--", str(file), check=False):
        repository.says("checkout", "--quiet", "HEAD", "--", str(file), check=False)
    elif not repository.says("check-ignore", "--", str(file), check=False):
        file.unlink(missing_ok=True)


def bring_back(repository: Repository, kept: str) -> None:
    """Make the working tree that of `kept`, uncommitted as it was."""
    repository.says("read-tree", "--reset", "-u", kept)
    repository.says("reset", "--quiet", "--mixed", "HEAD")
