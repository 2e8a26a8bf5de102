"""Source code: the commit of the snapshot, checked out; what was not committed is kept under a reference first."""

from __future__ import annotations

from typing import Any

from modelwright.core.errors import StateError
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.snapshotting import git
from modelwright.lifecycle.snapshotting.git import Repository
from modelwright.lifecycle.snapshotting.work import DONE, SKIPPED, UNCHANGED, Work


class Code:
    name = "code"

    def prepare(self, work: Work) -> dict[str, Any]:
        """Raises StateError (`rollback.uncommitted`, `rollback.commit_gone`, `rollback.workspace_tracked`)."""
        repository = _repository(work)
        wanted = work.snapshot.code
        if not wanted.commit or repository.top is None:
            return {"why": wanted.why or repository.why}
        if not repository.has(wanted.commit):
            raise StateError(
                f"The commit {wanted.commit[:12]} of the snapshot is not in this repository.",
                code="rollback.commit_gone", hint="fetch it, or name the project it was taken in with --project",
                subject="code",
            )  # fmt: skip
        if repository.tracks_workspace():
            raise StateError(
                "The workspace itself is under version control, and going back would take the journal with it.",
                code="rollback.workspace_tracked",
                hint="git rm -r --cached the workspace and add it to .gitignore",
                subject="code",
            )
        changed = repository.changed()
        if changed and not work.wish.force_code and not self._there(repository, wanted.commit):
            raise StateError(
                f"{len(changed)} files have uncommitted changes: {', '.join(changed[:5])}.",
                code="rollback.uncommitted",
                hint="commit them, or say --force-code: they are kept under refs/modelwright/kept",
                subject="code",
            )
        return {"head": repository.head, "branch": repository.branch, "changed": len(changed)}

    def do(self, work: Work, prior: dict[str, Any]) -> tuple[str, str]:
        if "head" not in prior:
            return SKIPPED, str(prior["why"])
        repository, wanted = _repository(work), work.snapshot.code
        short = wanted.commit[:12]
        if self._there(repository, wanted.commit):
            return UNCHANGED, f"the files are those of commit {short}"
        kept = repository.says("rev-parse", "--verify", "--quiet", f"refs/modelwright/kept/{work.id}", check=False)
        if prior["changed"] and not kept:
            kept = git.keep(repository, f"kept/{work.id}", f"What was not committed when {work.id} went back")
            reached("restore.code.kept")
        if kept and repository.head == prior["head"]:
            git.drop_changes(repository, kept)
            reached("restore.code.dropped")
        git.go(repository, wanted.branch if self._tip(repository, wanted.branch) == wanted.commit else wanted.commit)
        safe = f"; what was not committed is kept at refs/modelwright/kept/{work.id}" if kept else ""
        return DONE, f"from {prior['head'][:12]} to {short}{safe}"

    def undo(self, work: Work, prior: dict[str, Any]) -> None:
        if "head" not in prior:
            return
        repository = _repository(work)
        kept = repository.says("rev-parse", "--verify", "--quiet", f"refs/modelwright/kept/{work.id}", check=False)
        for one in (*work.snapshot.configuration, *work.snapshot.locks):
            git.give_up(repository, one.path)
        if repository.head != prior["head"] or repository.branch != prior["branch"]:
            git.go(repository, prior["branch"] or prior["head"])
        if kept:
            git.bring_back(repository, kept)

    @staticmethod
    def _there(repository: Repository, commit: str) -> bool:
        """Whether the files are those of the commit, whatever HEAD is called."""
        return repository.tree_now() == repository.says("rev-parse", f"{commit}^{{tree}}")

    @staticmethod
    def _tip(repository: Repository, branch: str) -> str:
        return (
            repository.says("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False) if branch else ""
        )


def _repository(work: Work) -> Repository:
    return Repository(work.wish.project, work.space.root)
