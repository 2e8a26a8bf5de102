"""The nouns every room shares: small frozen structs without behaviour worth a room of their own.

All are msgspec structs, so each can be written to JSON as it stands. Tables (`Dataset`, `Matrix`) hold
numpy or polars objects and therefore are plain dataclasses in `core.tables`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Noun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen, keyword-only, strict: a misspelt key is an error, never ignored."""


class Task(StrEnum):
    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    CLUSTERING = "clustering"
    ANOMALY = "anomaly"

    @property
    def is_classification(self) -> bool:
        return self in (Task.BINARY, Task.MULTICLASS)

    @property
    def has_target(self) -> bool:
        return self in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION)


class ColumnType(StrEnum):
    """What a column means. Storage inside a Dataset is fixed by it (see `core.tables.Dataset`)."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    TEXT = "text"
    DATETIME = "datetime"


class Role(StrEnum):
    FEATURE = "feature"
    TARGET = "target"
    ID = "id"
    TIME = "time"
    GROUP = "group"
    IGNORED = "ignored"


class Column(Noun, frozen=True, kw_only=True):
    name: str
    type: ColumnType
    role: Role = Role.FEATURE
    #: why this type and role were chosen, for the person who reads the schema
    reason: str = ""
    #: how the text is written where it matters: a strptime pattern for datetimes, `1.000,5` for decimal commas
    format: str = ""


class Schema(Noun, frozen=True, kw_only=True):
    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def with_role(self, role: Role) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.role is role)

    @property
    def target(self) -> str | None:
        found = self.with_role(Role.TARGET)
        return found[0].name if found else None

    @property
    def features(self) -> tuple[Column, ...]:
        return self.with_role(Role.FEATURE)


class Severity(StrEnum):
    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Level(StrEnum):
    """Confidence in a finding or a verdict."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class Finding(Noun, frozen=True, kw_only=True):
    """One answer of one check. `observed`, `threshold` and `evidence` are JSON values."""

    code: str  # stable, `family.kind`, such as `data.missing`
    severity: Severity
    subject: str  # `column:duration`, `split:test`, `model`, `data`
    message: str  # one plain sentence
    blocking: bool = False
    confidence: Level = Level.HIGH
    observed: Any = None
    threshold: Any = None
    evidence: Any = None
    advice: str = ""
    source: str = ""  # paper, standard or measurement behind the threshold
    #: the check could not decide for want of evidence; never counts as passed
    undecided: bool = False


class Decision(StrEnum):
    APPROVE = "APPROVE"
    CONDITIONAL = "CONDITIONAL"
    NEEDS_REWORK = "NEEDS REWORK"


class ChecklistItem(Noun, frozen=True, kw_only=True):
    """One line of a review: what was asked, what was measured, and the findings it rests on."""

    question: str
    answer: str  # yes | no | partly | could not judge | not applicable
    evidence: str
    codes: tuple[str, ...] = ()


class Condition(Noun, frozen=True, kw_only=True):
    """What clears a verdict: it is cleared as soon as its check no longer says so of its subject."""

    code: str
    subject: str
    text: str  # what to do, as a sentence


class Recommendation(Noun, frozen=True, kw_only=True):
    """One thing to do, for all the findings it would settle."""

    priority: str  # P1 before any use, P2 before wide use, P3 when there is time
    text: str
    why: str
    impact: str  # in measured units where they are known: `roc_auc 0.61 instead of 0.99`, `2,341 rows`
    effort: str  # S an hour or a line of the file, M days, L weeks or new data
    codes: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


class Escalation(Noun, frozen=True, kw_only=True):
    """What no program may decide: a question for a person, why it is asked, and what can be chosen."""

    question: str
    why: str
    options: tuple[str, ...]
    codes: tuple[str, ...] = ()


class Since(Noun, frozen=True, kw_only=True):
    """What became of the conditions of the former run of the same name."""

    run_id: str
    version: int | None = None
    cleared: tuple[Condition, ...] = ()
    still_open: tuple[Condition, ...] = ()
    new: tuple[Condition, ...] = ()
    #: former conditions whose check could not judge this time: neither cleared nor confirmed
    not_judged: tuple[Condition, ...] = ()


class Verdict(Noun, frozen=True, kw_only=True):
    decision: Decision
    confidence: Level
    reasons: tuple[str, ...]  # plain sentences, most important first
    conditions: tuple[str, ...] = ()  # what clears a CONDITIONAL
    findings: tuple[Finding, ...] = ()
    checklist: tuple[ChecklistItem, ...] = ()
    undecided: tuple[str, ...] = ()  # codes of checks that could not judge
    #: what must pass before this verdict becomes APPROVE, blocking findings included
    terms: tuple[Condition, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()  # most urgent first
    escalation: tuple[Escalation, ...] = ()
    red_flags: tuple[str, ...] = ()
    since: Since | None = None


class Estimate(Noun, frozen=True, kw_only=True):
    """A metric with its interval (95 % unless `level` says otherwise)."""

    value: float
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int = 0
    method: str = ""  # how the interval was made: bootstrap, wilson, ...


class SignatureField(Noun, frozen=True, kw_only=True):
    """One input column a model needs, bound by name."""

    name: str
    type: ColumnType
    nullable: bool = True
    low: float | None = None  # range seen in training
    high: float | None = None
    categories: tuple[str, ...] | None = None  # seen in training, most frequent first, at most 1,000
    format: str = ""  # as in Column: how the text of this column is written


class Signature(Noun, frozen=True, kw_only=True):
    inputs: tuple[SignatureField, ...]
    task: Task
    target: str | None = None
    #: class labels as text, in the order of probability columns
    classes: tuple[str, ...] = ()
    #: how a label is written back: the type of the target column
    target_type: ColumnType = ColumnType.CATEGORY
    #: binary only: the class whose probability the threshold judges
    positive: str | None = None


class LeaderboardRow(Noun, frozen=True, kw_only=True):
    """One candidate of the competition, as the report shows it."""

    name: str
    family: str
    params: dict[str, Any]
    status: str  # done | failed | skipped | pruned
    score: float | None = None
    low: float | None = None
    high: float | None = None
    fit_s: float = 0.0
    predict_us_per_row: float | None = None
    size_bytes: int | None = None
    note: str = ""
    chosen: bool = False


class Event(Noun, frozen=True, kw_only=True):
    """One line of the journal."""

    sequence: int
    at: str  # RFC 3339, UTC
    actor: str
    kind: str  # `run.started`, `step.reused`, `test.opened`, ...
    subject: str
    payload: dict[str, Any] = {}


class ModelVersion(Noun, frozen=True, kw_only=True):
    name: str
    version: int
    bundle_digest: str
    run_id: str
    decision: Decision
    created_at: str
    bundle_path: str = ""
    aliases: tuple[str, ...] = ()
