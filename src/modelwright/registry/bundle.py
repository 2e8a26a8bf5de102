"""The bundle: write one behind the parity gate, load one behind digest, structure and probe."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError, StateError
from modelwright.core.nouns import Estimate, Signature, Verdict
from modelwright.core.run import ScorerRecord
from modelwright.core.tables import Coercion, Predictions
from modelwright.records.segments import sync_folder
from modelwright.registry import answers, golden, intervals
from modelwright.registry import manifest as manifests
from modelwright.registry.graph_check import check_graph
from modelwright.registry.manifest import FileEntry, Manifest, refused
from modelwright.registry.model import Model, from_files, to_files
from modelwright.registry.parity import TOLERANCE
from modelwright.registry.reading import Verified, read_verified
from modelwright.registry.reference_state import FILE as REFERENCE_FILE
from modelwright.registry.reference_state import reference_state
from modelwright.registry.scorers import CompiledScorer, OnnxScorer, ReferenceScorer, Scorer

if TYPE_CHECKING:
    import polars as pl

    from modelwright.registry.gate import Gate

_GRAPH_FILE, _CARD_FILE, _MODEL_FOLDER = "model.onnx", "card.md", "model"
_UNCERTAINTY_FILE = intervals.FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleContents:
    """What goes into a bundle. `sample` (validation rows, for the gate) and `reference` (training rows, for
    monitoring) are conformed frames; of neither is a row written."""

    model: Model
    name: str
    sample: pl.DataFrame
    reference: pl.DataFrame
    metrics: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    verdict: Verdict | None = None
    data_digest: str = ""
    commit: str = ""
    lock_digest: str = ""
    card: str = ""
    choose: str | None = None  # replay a recorded choice of scorer instead of measuring
    parent: str = ""
    notes: tuple[str, ...] = ()
    #: `stats.conformal.Conformal.state`; empty where no intervals or sets were learned
    uncertainty: Mapping[str, Any] = field(default_factory=dict)
    #: answers to rows that the model had not learned from: what monitoring expects of its later answers
    unseen: Predictions | None = None
    #: what is known of an answer before any row is seen: each class's share of the training rows, or `median`
    prior: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleInfo:
    digest: str
    scorers: tuple[ScorerRecord, ...]


def write(folder: Path, contents: BundleContents, *, gate: Gate | None = None) -> BundleInfo:
    """Write a bundle to a folder that does not exist yet, whole or not at all.

    gate: what trying this model's scorers on this sample gave, where that was done before. Equal contents give equal
    digests. Raises ModelError when the model does not survive being written and read,
    StateError (`bundle.exists`) when the folder is taken.
    """
    from modelwright.registry.gate import pass_gate

    if os.path.lexists(folder):
        raise StateError(
            f"There is something at '{folder.name}' already, and a bundle is never overwritten.",
            code="bundle.exists",
            hint="write to a new folder",
            subject="bundle",
        )
    if gate is None:
        gate = pass_gate(contents.model, contents.sample, choose=contents.choose)
    files = _files(contents, gate)
    manifest = manifests.encode(_manifest(contents, gate, files))
    _write_whole(folder, {**files, manifests.MANIFEST: manifest})
    return BundleInfo(digest=manifests.digest_of_manifest(manifest), scorers=gate.records)


def load(
    folder: Path, *, probe: bool = True, expected: str = "", hooks: Collection[str] = (), recheck: bool = True
) -> LoadedBundle:
    """Verify, probe in a child, then load. `expected` is the digest the bundle must have.

    `hooks` names the user's own functions (`module:function`) that a model may call, looked up in `spec.hooks.home()`;
    a bundle that calls another one is refused, so that no bundle can choose whose code runs.

    Raises ModelError (`bundle.*`) naming the file and what is wrong with it; nothing of a refused bundle has run
    in this process. `probe=False` is for a bundle that a child has just probed; `recheck=False` too, for a process
    that forks first (threads of libraries do not survive that): each child then calls `LoadedBundle.recheck`.
    """
    verified = read_verified(folder, expected=expected)
    if _GRAPH_FILE in verified.files and (recheck or verified.manifest.scorers.chosen == "onnx"):
        check_graph(verified.files[_GRAPH_FILE])
    if probe:
        from modelwright.registry import sandbox

        sandbox.probe(folder, verified.digest, sum(len(data) for data in verified.files.values()), hooks=hooks)
    model = _checked_model(verified, hooks)
    scorer = _scorer(verified, model)
    loaded = LoadedBundle(verified, model, scorer)
    if _UNCERTAINTY_FILE in verified.files:
        intervals.read(verified.files[_UNCERTAINTY_FILE], model.signature)
    if recheck:
        loaded.recheck()
    return loaded


class LoadedBundle:
    """A bundle in memory, verified and rechecked. Columns are bound by name; further ones are ignored."""

    def __init__(self, verified: Verified, model: Model, scorer: Scorer) -> None:
        self.manifest: Manifest = verified.manifest
        self.digest: str = verified.digest
        self.model = model
        self.scorer = scorer
        self._files = verified.files
        self._cells: dict[tuple[str, type, Any], Any] = {}

    @property
    def signature(self) -> Signature:
        return self.model.signature

    @property
    def card(self) -> str:
        return self._files.get(_CARD_FILE, b"").decode()

    @property
    def reference(self) -> bytes:
        """`reference.json` as it was verified: the statistics that monitoring compares with."""
        return self._files[REFERENCE_FILE]

    def recheck(self) -> Predictions:
        """Answer the golden rows again; returns what was expected of them. Raises ModelError (`bundle.golden`)."""
        rows, expected = self.golden()
        frame, batch_only = golden.as_frame(rows, self.signature), self.manifest.scorers.batch_only
        golden.recheck(self.scorer, frame, expected, self.model.decision_threshold, batch_only=batch_only)
        return expected

    def golden(self) -> tuple[list[dict[str, Any]], Predictions]:
        """Its golden rows as stored values, and what was answered to them when it was written.

        Raises ModelError (`bundle.golden`).
        """
        rows, expected = golden.decode(self._files.get(golden.FILE, b""), self.signature)
        if len(rows) != self.manifest.golden_rows:
            raise refused("golden", "it holds another number of golden rows than its manifest says", golden.FILE)
        return rows, expected

    def uncertain(self, predictions: Predictions) -> pl.DataFrame:
        """`low` and `high`, or `set`, for each answer. Raises ModelError (`bundle.no_intervals`) without them."""
        learned = intervals.read(self._files.get(_UNCERTAINTY_FILE), self.signature)
        return intervals.columns(learned, predictions)

    def conform(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Coercion, ...]]:
        """The model's columns in its storage, and what became missing on the way."""
        return answers.conform_frame(frame, self.signature)

    def predict(self, frame: pl.DataFrame) -> Predictions:
        """Answers to a frame in the users' own form, in row order. Raises ModelError on a missing column."""
        if frame.height == 0:
            raise ModelError("There are no rows to predict.", code="bundle.input", subject="data")
        return self.scorer.batch(self.conform(frame)[0])

    def predict_row(self, values: Mapping[str, Any]) -> Predictions:
        """The answer to one row, by the scorer chosen at packaging. Raises ModelError (`bundle.batch_only`)."""
        if self.manifest.scorers.batch_only:
            raise ModelError(
                "This model's answer to a row depends on the rows before it, so it predicts tables only.",
                code="bundle.batch_only",
                hint="predict a table that holds the history too, or train without windows and custom functions",
            )
        return self.scorer.row(answers.conform_row(values, self.signature, self._cells))


def predictions_frame(bundle: LoadedBundle, predictions: Predictions) -> pl.DataFrame:
    """`prediction` in the target's own type and, for classes, `probability_<class>`."""
    return answers.predictions_frame(bundle.signature, predictions)


# ---------------------------------------------------------------- writing


def _files(contents: BundleContents, gate: Gate) -> dict[str, bytes]:
    from modelwright.registry import sbom

    files = {f"{_MODEL_FOLDER}/{name}": data for name, data in to_files(contents.model).items()}
    if gate.graph:
        files[_GRAPH_FILE] = gate.graph
    files[golden.FILE] = gate.golden
    files[REFERENCE_FILE] = reference_state(
        contents.reference, contents.model.signature, predictions=contents.unseen, metrics=contents.metrics,
        prior=contents.prior,
    )  # fmt: skip
    files[_CARD_FILE] = contents.card.encode()
    if contents.uncertainty:
        files[_UNCERTAINTY_FILE] = canonical_json(dict(contents.uncertainty))
    files[sbom.FILE] = sbom.bill(contents.name, contents.model.signature.task, _entries(files))
    return files


def _manifest(contents: BundleContents, gate: Gate, files: Mapping[str, bytes]) -> Manifest:
    from modelwright.registry import sbom

    return Manifest(
        format=manifests.FORMAT,
        format_version=manifests.FORMAT_VERSION,
        name=contents.name,
        files=_entries(files),
        signature=contents.model.signature,
        scorers=gate.scorers,
        metrics={split: dict(found) for split, found in contents.metrics.items()},
        verdict=contents.verdict,
        data_digest=contents.data_digest,
        commit=contents.commit,
        lock_digest=contents.lock_digest,
        versions=sbom.framework_versions(),
        golden_rows=gate.golden_rows,
        notes=contents.notes,
        parent=contents.parent,
    )


def _entries(files: Mapping[str, bytes]) -> dict[str, FileEntry]:
    return {
        name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        for name, data in sorted(files.items())
    }


def _write_whole(folder: Path, files: Mapping[str, bytes]) -> None:
    """A neighbour first, flushed to disk, then one rename: a reader sees all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
    try:
        for name, data in files.items():
            file = draft / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
        for made in [draft, *(path for path in draft.rglob("*") if path.is_dir())]:
            sync_folder(made)
        draft.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


# ---------------------------------------------------------------- loading


def _checked_model(verified: Verified, hooks: Collection[str]) -> Model:
    model = from_files(verified.under(_MODEL_FOLDER), hooks)
    if model.signature != verified.manifest.signature:
        raise refused("signature", "its model and its manifest have different signatures", "model/model.json")
    return model


def _scorer(verified: Verified, model: Model) -> Scorer:
    scorers = verified.manifest.scorers
    evidence = scorers.evidence.get(scorers.chosen)
    if evidence is None or not evidence.passed or evidence.worst_difference is None:
        raise refused(
            "scorer", f"no parity evidence stands behind its scorer '{scorers.chosen[:40]}'", manifests.MANIFEST
        )
    if evidence.worst_difference > TOLERANCE or evidence.decision_flips:
        raise refused("scorer", f"its scorer '{scorers.chosen}' did not pass the parity gate", manifests.MANIFEST)
    if scorers.chosen == "onnx":
        if _GRAPH_FILE not in verified.files:
            raise refused("missing_file", f"the file {_GRAPH_FILE} is missing", _GRAPH_FILE)
        return OnnxScorer(verified.files[_GRAPH_FILE], scorers.onnx_inputs, model.signature)
    if scorers.chosen == "compiled":
        return CompiledScorer(model)
    if scorers.chosen == "reference":
        return ReferenceScorer(model)
    raise refused("scorer", f"it wants the unknown scorer '{scorers.chosen[:40]}'", manifests.MANIFEST)
