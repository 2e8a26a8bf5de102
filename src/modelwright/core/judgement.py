"""What judging a model measures beyond its metrics: each noun is one picture and one check's evidence. Pure data."""

from __future__ import annotations

from typing import Any

from modelwright.core.nouns import Estimate, Noun
from modelwright.core.report import Comparison


class Calibration(Noun, frozen=True, kw_only=True):
    """Probabilities before and after calibration, both out of fold, as the calibrator was chosen."""

    method: str  # raw, platt, beta, isotonic, temperature
    error_raw: float | None = None  # expected calibration error, 0 to 1
    error: float | None = None
    loss_raw: float | None = None  # log loss, nats
    loss: float | None = None
    n: int = 0


class LearningPoint(Noun, frozen=True, kw_only=True):
    n: int  # rows learned from
    train: float
    judged: Estimate  # on rows of the development part that were not learned from


class LearningCurve(Noun, frozen=True, kw_only=True):
    metric: str
    points: tuple[LearningPoint, ...]  # ascending in n
    #: what the last doubling of the rows gained, signed so that more is better
    last_gain: Estimate | None = None


class WeakSlice(Noun, frozen=True, kw_only=True):
    """A group found on one half of the judged rows and measured on the other half, which did not choose it."""

    condition: str  # `age <= 25 and plan = basic`
    columns: tuple[str, ...]
    n: int  # rows of the confirming half
    share: float
    metric: str
    estimate: Estimate
    whole: float
    difference: float  # signed so that negative is worse than the whole
    p_value: float | None = None  # adjusted for the slices tried (Benjamini-Hochberg)
    confirmed: bool = False


class GroupMeasure(Noun, frozen=True, kw_only=True):
    group: str
    n: int
    #: measure -> estimate: score, selection_rate, true_positive_rate, false_positive_rate, precision, mean_error ...
    measures: dict[str, Estimate]


class FairnessGap(Noun, frozen=True, kw_only=True):
    measure: str
    best: str
    worst: str
    difference: Estimate  # largest minus smallest
    ratio: float | None = None  # smallest by largest; the four-fifths rule reads this
    ratio_high: float | None = None  # what the ratio may still be, given the rows and that extremes were picked


class Fairness(Noun, frozen=True, kw_only=True):
    column: str
    groups: tuple[GroupMeasure, ...]
    gaps: tuple[FairnessGap, ...] = ()
    too_small: tuple[str, ...] = ()  # groups that could not be measured, with their rows
    mitigations: tuple[str, ...] = ()  # tried ones, with what they gain and cost
    asked: bool = True  # named in evaluation.fairness; else found by its name


class Robustness(Noun, frozen=True, kw_only=True):
    """The metric when inputs are disturbed in one way; `fall` is signed so that positive is a loss."""

    kind: str  # noise | missing | out_of_range | shifted | unseen | adversarial
    subject: str  # a column, or `all`
    level: str  # how strong, in words: `10 % of the standard deviation`
    score: Estimate
    fall: float
    changed: float | None = None  # share of answers that changed
    note: str = ""
    seen: float | None = None  # missing fields: the share of the judged rows in which they are missing anyway


class Uncertainty(Noun, frozen=True, kw_only=True):
    """Split-conformal intervals (regression) or sets (classes), judged on the sealed rows."""

    kind: str  # interval | set
    asked: float  # coverage asked for
    coverage: Estimate
    #: mean width of an interval in units of the target, or mean number of labels in a set
    size: float
    quantile: float
    worst_group: str = ""
    worst_coverage: float | None = None
    n_calibration: int = 0
    #: what a bundle needs to give the same intervals and sets: `stats.conformal.Conformal.state`
    state: dict[str, Any] = {}


class Dependence(Noun, frozen=True, kw_only=True):
    """Partial dependence of the answer on one column."""

    column: str
    values: tuple[Any, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...] = ()  # 10th and 90th percentile over rows
    high: tuple[float, ...] = ()
    label: str = ""  # classes: whose probability


class WorstRow(Noun, frozen=True, kw_only=True):
    row: int  # position in the judged part
    truth: str
    predicted: str
    loss: float
    values: dict[str, Any] = {}


class Proof(Noun, frozen=True, kw_only=True):
    """One refit of the chosen configuration under a change, judged on the same folds as the unchanged one."""

    kind: str  # without_column | out_of_time | new_groups | shuffled_target
    subject: str  # `column:duration`, `split`, `target`
    score: Estimate
    unchanged: Estimate
    difference: Estimate  # score minus unchanged, signed so that more is better; paired where the rows are the same
    n: int = 0
    note: str = ""
    #: one-sided: of `the fall is chance`, or for a shuffled target of `this good by chance`
    p_value: float | None = None
    #: what predictions that know nothing score on the same rows, with the range in which chance lies
    chance: Estimate | None = None
    #: columns left out
    columns: tuple[str, ...] = ()


class Judgement(Noun, frozen=True, kw_only=True):
    """Everything measured for the review besides the report's metrics; what could not be measured is left empty."""

    calibration: Calibration | None = None
    learning_curve: LearningCurve | None = None
    weak_slices: tuple[WeakSlice, ...] = ()
    fairness: tuple[Fairness, ...] = ()
    robustness: tuple[Robustness, ...] = ()
    uncertainty: Uncertainty | None = None
    dependence: tuple[Dependence, ...] = ()
    #: mean absolute contribution of each column (the boosters' own SHAP values), largest first
    contributions: dict[str, float] = {}
    worst_rows: tuple[WorstRow, ...] = ()
    proofs: tuple[Proof, ...] = ()
    champion: Comparison | None = None
    champion_version: int | None = None
    #: looks at the sealed rows that the champion's p-value was corrected for
    champion_looks: int = 0
    #: what could not be measured, and why: name of the field -> reason
    missing: dict[str, str] = {}
