"""Content-addressed steps: a step runs when any part of its key changed, and can always say which part.

A step's result is a folder of files. Its key is the digest of named parts: our code, the user's code, the
environment, the sections of the spec it reads, and the results of the steps before it. A result is reused only if
every file in it still has the digest it had when it was written, so neither an outdated nor a damaged one can be.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from modelwright.core.digests import digest_file, digest_of
from modelwright.core.run import RunRecord, StepRecord
from modelwright.lifecycle.workspace import pretty_json, replace_folder

_MANIFEST = "step.json"


class _Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    parts: dict[str, str]
    files: dict[str, str]  # relative name -> digest

    @property
    def output(self) -> str:
        return digest_of(self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """Where a step's files are, and the record of how they came to be."""

    folder: Path
    record: StepRecord


@dataclass(slots=True, kw_only=True)
class StepRunner:
    """Runs steps of one run in order and remembers what happened."""

    cache: Path
    #: parts that every key has: code, environment
    base: dict[str, str]
    #: earlier runs of the same pipeline, newest first; for explanations only
    earlier: Callable[[], Iterable[RunRecord]] = field(default=lambda: ())
    records: list[StepRecord] = field(default_factory=list)
    announce: Callable[[str, str], None] = field(default=lambda _name, _message: None)

    def run(self, name: str, parts: dict[str, str], work: Callable[[Path], bool | None]) -> StepResult:
        """Reuse the step's result or make it. `work` fills an empty folder; when it returns False the result is
        valid for this run but not kept for others (an interrupted search, say)."""
        parts = dict(sorted({**self.base, **parts}.items()))
        key = digest_of({"step": name, "parts": parts})
        folder = self.cache / key.removeprefix("b3:")[:32]
        started = time.monotonic()
        manifest, problem = _intact(folder)
        if manifest is not None:
            record = self._record(
                name, key, parts, started, manifest.output, reused="nothing it depends on has changed"
            )
            self.announce(name, "reused: nothing it depends on has changed")
            return StepResult(folder=folder, record=record)
        reason = problem or self._why(name, parts)
        self.announce(name, reason)
        folder, manifest = self._make(name, parts, folder, work)
        return StepResult(folder=folder, record=self._record(name, key, parts, started, manifest.output, reason=reason))

    def _make(
        self, name: str, parts: dict[str, str], folder: Path, work: Callable[[Path], bool | None]
    ) -> tuple[Path, _Manifest]:
        self.cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=self.cache, prefix=".draft-"))
        try:
            keep = work(draft)
            manifest = _Manifest(name=name, parts=parts, files=_file_digests(draft))
            if keep is False:
                folder = folder.with_name(f"{folder.name}-{os.getpid()}-once")
            else:
                (draft / _MANIFEST).write_bytes(pretty_json(manifest))
            replace_folder(draft, folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return folder, manifest

    def _record(
        self,
        name: str,
        key: str,
        parts: dict[str, str],
        started: float,
        output: str,
        *,
        reused: str = "",
        reason: str = "",
    ) -> StepRecord:
        record = StepRecord(
            name=name,
            key=key,
            parts=parts,
            reused=bool(reused),
            reason=reused or reason,
            seconds=round(time.monotonic() - started, 4),
            output=output,
        )
        self.records.append(record)
        return record

    def _why(self, name: str, parts: dict[str, str]) -> str:
        for run in self.earlier():
            for step in run.steps:
                if step.name == name:
                    return explain(step.parts, parts, run.run_id)
        return "it has not run in this workspace before"


def explain(before: dict[str, str], now: dict[str, str], run_id: str) -> str:
    """One line on what differs between two keys of the same step."""
    changed = [part for part in now if before.get(part) != now[part]]
    gone = [part for part in before if part not in now]
    if not changed and not gone:
        return f"its stored result from run {run_id} is gone"
    return f"changed since run {run_id}: {', '.join(changed + gone)}"


def _intact(folder: Path) -> tuple[_Manifest | None, str]:
    """The manifest of a finished step whose files are all as they were, or why it cannot be used."""
    file = folder / _MANIFEST
    if not file.is_file():
        return None, ""
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=_Manifest)
    except msgspec.DecodeError:
        return None, "the stored result's manifest is damaged"
    found = _file_digests(folder)
    if found != manifest.files:
        names = {**found, **manifest.files}
        bad = sorted(name for name in names if found.get(name) != manifest.files.get(name))
        return None, f"the stored result is damaged ({bad[0]})"
    return manifest, ""


def _file_digests(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): digest_file(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != _MANIFEST
    }


def clear_drafts(cache: Path) -> None:
    """Remove what killed runs left half done; called by the one writer of the workspace."""
    if cache.is_dir():
        for leftover in [*cache.glob(".draft-*"), *cache.glob("*-once")]:
            shutil.rmtree(leftover, ignore_errors=True)
