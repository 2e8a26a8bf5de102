"""The typed pipeline.yaml: frozen structs that forbid unknown fields.

Every field carries its range and its one-line description (`Meta`), from which the JSON schema, the generated
reference and the comments of `modelwright init` are made. Everything can be said; only `data.source` and
`features.target` have to be (and the target not even, for clustering and anomaly detection).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelwright.core.nouns import ColumnType, Task
from modelwright.spec.monitoring import AlertsSpec, MonitoringSpec, RetrainingSpec
from modelwright.spec.section import Section
from modelwright.spec.serving import ServingSpec

SCHEMA_VERSION = 1
#: `module:function`, the way out of YAML into Python that every section offers
HOOK_PATTERN = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Hook = Annotated[str, Meta(pattern=HOOK_PATTERN)]
Duration = Annotated[str, Meta(pattern=r"^[0-9]+(rows|s|m|h|d|w)$")]


class SplitKind(StrEnum):
    AUTO = "auto"
    RANDOM = "random"
    STRATIFIED = "stratified"
    TIME = "time"
    GROUP = "group"
    GROUP_TIME = "group_time"


class SplitSpec(Section, frozen=True, kw_only=True):
    kind: Annotated[
        SplitKind,
        Meta(description="how rows are divided; auto decides from what the data shows, and says why"),
    ] = SplitKind.AUTO
    gap: Annotated[
        Duration | None,
        Meta(description="time splits: what to leave out between parts, such as 7d, 12h or 100rows"),
    ] = None
    custom: Annotated[Hook | None, Meta(description="module:function(frame, seed) -> row numbers per part")] = None


class DataSpec(Section, frozen=True, kw_only=True):
    source: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=4096,
            description="a path, a glob, s3:// gs:// https://, a database URL, sklearn:NAME, or module:function",
        ),
    ]
    table: Annotated[str | None, Meta(description="databases: a table or a SELECT; Excel: the sheet")] = None
    sample_rate: Annotated[float, Meta(gt=0.0, le=1.0, description="share of rows to use, drawn with the seed")] = 1.0
    train_split: Annotated[float, Meta(gt=0.0, lt=1.0, description="share of rows to learn from")] = 0.7
    val_split: Annotated[float, Meta(ge=0.0, lt=1.0, description="share of rows to choose with")] = 0.15
    test_split: Annotated[
        float, Meta(gt=0.0, lt=1.0, description="share of rows sealed until the end; the three add up to 1")
    ] = 0.15
    split: SplitSpec = msgspec.field(default_factory=SplitSpec)
    types: Annotated[
        dict[str, ColumnType], Meta(description="declared column types; they win over what the values suggest")
    ] = {}
    prepare: Annotated[Hook | None, Meta(description="module:function(polars frame) -> polars frame, row by row")] = (
        None
    )


class WindowSpec(Section, frozen=True, kw_only=True):
    """A rolling aggregate per entity, strictly before the row's own time."""

    name: Annotated[str, Meta(min_length=1)]
    column: Annotated[str, Meta(description="the column to aggregate; for count any column")]
    entity: Annotated[str, Meta(description="rows with the same value here share a history")]
    aggregate: Literal["mean", "sum", "min", "max", "std", "count", "last"] = "mean"
    window: Annotated[Duration, Meta(description="how far back: 7d, 12h, or 10rows")] = "10rows"


class FeaturesSpec(Section, frozen=True, kw_only=True):
    target: Annotated[str | None, Meta(description="the column to predict; none for clustering and anomaly")] = None
    categorical: Annotated[list[str] | None, Meta(description="columns that name a kind")] = None
    numerical: Annotated[list[str] | None, Meta(description="columns that measure")] = None
    text: Annotated[list[str] | None, Meta(description="columns of free text")] = None
    dates: Annotated[list[str] | None, Meta(description="columns of dates or times")] = None
    id: Annotated[list[str], Meta(description="columns that only name the row; never used as features")] = []
    time: Annotated[str | None, Meta(description="when the row was known; time splits and windows need it")] = None
    group: Annotated[str | None, Meta(description="rows of one group stay on one side of every split")] = None
    ignore: Annotated[list[str], Meta(description="columns to leave out")] = []
    derived: Annotated[
        dict[str, str],
        Meta(description="new columns by expression, such as price_per_m2: price / square_feet"),
    ] = {}
    windows: list[WindowSpec] = []
    date_parts: Annotated[bool, Meta(description="turn dates into hour, weekday, month and the like")] = True
    target_rates: Annotated[
        bool | None, Meta(description="out-of-fold target rates for many-valued categories; none = by size")
    ] = None
    crosses: Annotated[list[list[str]], Meta(description="pairs of category columns to combine")] = []
    custom: Annotated[Hook | None, Meta(description="module:function(polars frame) -> polars frame of new columns")] = (
        None
    )


class ModelSpec(Section, frozen=True, kw_only=True):
    """`type` and a few keys every family shares; any other key goes to the family's own parameters."""

    type: Annotated[
        str | list[str],
        Meta(description="auto, one family, a list of families, or module:function returning a Family"),
    ] = "auto"
    name: Annotated[
        Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] | None,
        Meta(description="name in the registry; the file's name by default"),
    ] = None
    task: Annotated[Task | None, Meta(description="what to predict; inferred from the target by default")] = None
    positive: Annotated[
        str | None, Meta(description="binary: the class whose probability is judged; the rarer one by default")
    ] = None
    imbalance: Annotated[
        Literal["auto", "none", "class_weight", "oversample", "undersample"],
        Meta(description="how unequal classes are met; resampling happens inside training folds only"),
    ] = "auto"
    calibrate: Annotated[bool, Meta(description="calibrate probabilities out of fold where it helps")] = True
    ensemble: Annotated[
        Literal["auto", "none", "bag", "greedy", "stack"],
        Meta(description="what is made of the candidates: greedy weights on out-of-fold predictions, stack for least "
             "squares, bag for the best one's fold models, none for one model; auto: greedy where type is auto"),
    ] = "auto"  # fmt: skip
    #: the family's own parameters, as written; checked against its Params before anything runs
    params: dict[str, Any] = {}


class TuningSpec(Section, frozen=True, kw_only=True):
    method: Literal["tpe", "random", "grid"] = "tpe"
    trials: Annotated[int, Meta(ge=1, le=10_000, description="how many parameter sets to try")] = 30
    pruning: Annotated[bool, Meta(description="stop a trial early when its first folds are hopeless")] = True
    space: Annotated[
        dict[str, Any],
        Meta(description="ranges by parameter: [low, high], {low, high, log} or {choices: [...]}"),
    ] = {}


class CvSpec(Section, frozen=True, kw_only=True):
    kind: Annotated[
        Literal["auto", "holdout", "kfold", "stratified", "group", "time"],
        Meta(description="how candidates are compared; auto follows the split"),
    ] = "auto"
    folds: Annotated[
        Annotated[int, Meta(ge=2, le=50)] | None,
        Meta(description="unless said 5, of which fewer judge where rows are many and seconds few"),
    ] = None
    repeats: Annotated[int, Meta(ge=1, le=100)] = 1
    nested: Annotated[bool, Meta(description="an outer loop around tuning, to estimate the whole procedure")] = False


class CostSpec(Section, frozen=True, kw_only=True):
    """What an answer costs, per row, in any one currency; gains are negative costs."""

    false_positive: float = 1.0
    false_negative: float = 1.0
    true_positive: float = 0.0
    true_negative: float = 0.0
    matrix: Annotated[
        dict[str, dict[str, float]],
        Meta(description="several classes: actual label -> predicted label -> cost; what is left out costs 1, hits 0"),
    ] = {}


class EvaluationSpec(Section, frozen=True, kw_only=True):
    metric: Annotated[
        str | None, Meta(description="what to optimise and judge; scikit-learn's names work; module:function too")
    ] = None
    threshold: Annotated[
        float | None,
        Meta(description="the least (or, for errors, the most) acceptable value; judged by the interval's bound"),
    ] = None
    cv: CvSpec = msgspec.field(default_factory=CvSpec)
    decision_threshold: Annotated[
        Annotated[float, Meta(gt=0.0, lt=1.0)] | None,
        Meta(description="binary: probability from which the answer is positive; tuned by default"),
    ] = None
    slices: Annotated[list[str], Meta(description="columns whose groups are reported one by one")] = []
    cost: Annotated[
        CostSpec | None,
        Meta(description="what wrong and right answers cost; sets the threshold, reported as metric cost"),
    ] = None
    fairness: Annotated[
        list[str], Meta(description="columns whose groups must be served alike; they may be ignored columns too")
    ] = []
    uncertainty: Annotated[float, Meta(ge=0.5, le=0.999, description="coverage of conformal intervals and sets")] = 0.9
    level: Annotated[float, Meta(ge=0.5, le=0.999, description="level of every interval")] = 0.95


class TrainingSpec(Section, frozen=True, kw_only=True):
    budget_s: Annotated[
        float, Meta(gt=0.0, le=14_400.0, description="wall-clock seconds for training; at most 4 hours")
    ] = 60.0
    proof_share: Annotated[
        float,
        Meta(ge=0.0, le=0.5, description="share of budget_s for refits that prove or refute: without suspect columns, "
             "by time, on a shuffled target, on fewer rows"),
    ] = 0.15  # fmt: skip
    memory_share: Annotated[
        float, Meta(gt=0.0, le=0.8, description="share of the machine's memory that may be used")
    ] = 0.8
    seed: Annotated[int, Meta(ge=0, lt=2**31, description="the one seed all others derive from")] = 0
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=256)] | None, Meta(description="processes; one per core by default")
    ] = None
    early_stopping: bool = True


class ExecutionSpec(Section, frozen=True, kw_only=True):
    """Where fits run; the result is the same everywhere."""

    engine: Annotated[
        Literal["local", "ray"], Meta(description="local: processes on this machine; ray: a Ray cluster (an extra)")
    ] = "local"
    address: Annotated[
        Annotated[str, Meta(min_length=1, max_length=256)] | None,
        Meta(description="ray: host:port of the cluster, or auto; none starts one on this machine for the run"),
    ] = None
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=4096)] | None,
        Meta(description="fits at the same time, one core each; by default as many as there are cores"),
    ] = None


class TrackingSpec(Section, frozen=True, kw_only=True):
    mlflow: Annotated[str | None, Meta(description="an MLflow tracking URI that gets a copy of every finished run")] = (
        None
    )
    experiment: str = "modelwright"
    register: Annotated[bool, Meta(description="also register the model there")] = False


class Spec(Section, frozen=True, kw_only=True):
    """The whole file."""

    version: Annotated[int, Meta(ge=1, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    data: DataSpec
    features: FeaturesSpec = msgspec.field(default_factory=FeaturesSpec)
    model: ModelSpec = msgspec.field(default_factory=ModelSpec)
    tuning: TuningSpec | None = None
    evaluation: EvaluationSpec = msgspec.field(default_factory=EvaluationSpec)
    training: TrainingSpec = msgspec.field(default_factory=TrainingSpec)
    execution: Annotated[
        Literal["local", "ray"] | ExecutionSpec,
        Meta(description="where fits run: local, ray, or a section with engine, address and workers"),
    ] = "local"
    tracking: TrackingSpec | None = None
    serving: ServingSpec = msgspec.field(default_factory=ServingSpec)
    monitoring: MonitoringSpec = msgspec.field(default_factory=MonitoringSpec)
    alerts: AlertsSpec = msgspec.field(default_factory=AlertsSpec)
    retraining: RetrainingSpec | None = None

    @property
    def place(self) -> ExecutionSpec:
        """`execution` with the short form spelt out."""
        said = self.execution
        return ExecutionSpec(engine=said) if isinstance(said, str) else said
