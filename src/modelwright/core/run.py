"""The record of a run: everything a reader, a report or a later comparison needs, as plain data."""

from __future__ import annotations

from typing import Any

from modelwright.core.judgement import Judgement
from modelwright.core.nouns import Finding, LeaderboardRow, Noun, Schema, Signature, Task, Verdict
from modelwright.core.report import Report


class StepRecord(Noun, frozen=True, kw_only=True):
    """One step of a run: what its key was made of, and whether its result was reused."""

    name: str
    key: str
    parts: dict[str, str]  # named parts of the key -> digest (or short value); `why` compares them between runs
    reused: bool
    reason: str  # why it ran, or why it could be reused
    seconds: float
    output: str = ""  # digest of the step's result


class SplitSummary(Noun, frozen=True, kw_only=True):
    kind: str
    reason: str
    rows: dict[str, int]  # train, val, test
    spans: dict[str, tuple[str, str]] = {}  # time splits: first and last moment of each part
    notes: tuple[str, ...] = ()


class Problem(Noun, frozen=True, kw_only=True):
    """What kind of problem the data poses, and whether it needs a model at all."""

    task: Task
    reason: str
    metric: str
    metric_reason: str
    target: str | None = None
    classes: dict[str, int] = {}  # label -> rows, most frequent first
    positive: str | None = None
    split: SplitSummary | None = None
    notes: tuple[str, ...] = ()
    #: a constant or one-column rule that is as good as a model is likely to be; empty when none is
    simpler: str = ""


class ScorerRecord(Noun, frozen=True, kw_only=True):
    """One candidate scorer of a bundle: did it pass the parity gate, how fast, how large."""

    name: str  # compiled | onnx | reference
    passed: bool
    chosen: bool
    reason: str = ""  # why refused, where refused
    rows_tried: int = 0
    worst_difference: float | None = None
    decision_flips: int = 0
    us_per_row: float | None = None
    size_bytes: int | None = None


class ProductRecord(Noun, frozen=True, kw_only=True):
    """One of a run's bundles, with its scores and `kept`, the share of the best one's gain over the plain model."""

    name: str  # `best`, or `fast` where that one is an ensemble
    family: str
    oof: float | None = None
    test: float | None = None
    kept: float | None = None
    digest: str = ""
    size_bytes: int | None = None
    us_per_row: float | None = None


class RunRecord(Noun, frozen=True, kw_only=True):
    schema_version: int = 1
    run_id: str
    name: str  # name in the registry
    status: str  # running | done | failed | interrupted
    started_at: str
    finished_at: str = ""
    spec: dict[str, Any] = {}
    spec_text: str = ""
    source: str = ""
    data_digest: str = ""
    n_rows: int = 0
    n_columns: int = 0
    schema: Schema | None = None
    profile: dict[str, Any] = {}
    problem: Problem | None = None
    split: SplitSummary | None = None
    #: human-readable feature steps, in order
    pipeline: tuple[str, ...] = ()
    leaderboard: tuple[LeaderboardRow, ...] = ()
    trials: tuple[dict[str, Any], ...] = ()
    chosen_family: str = ""
    chosen_params: dict[str, Any] = {}
    signature: Signature | None = None
    report: Report | None = None
    judgement: Judgement | None = None
    findings: tuple[Finding, ...] = ()
    verdict: Verdict | None = None
    scorers: tuple[ScorerRecord, ...] = ()
    products: tuple[ProductRecord, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    timings_s: dict[str, float] = {}
    environment: dict[str, Any] = {}
    commit: str = ""
    seed: int = 0
    #: the units of training that were finished, in order; `reproduce` replays exactly these
    plan: tuple[str, ...] = ()
    version: int | None = None
    bundle_digest: str = ""
    paths: dict[str, str] = {}
    notes: tuple[str, ...] = ()
