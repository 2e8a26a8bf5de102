"""The user's own step learns from rows it must not see, or from the target: proven by calling it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.data import _counterfactuals as again
from modelwright.checks.data._counterfactuals import Bench, Changed, Mask, Setting
from modelwright.checks.evidence import DataEvidence, UserStep
from modelwright.checks.findings import listing, undecided
from modelwright.checks.strengths import table
from modelwright.core.nouns import Finding, Level, Severity
from modelwright.core.ports import Check, Example

_MIN_ROWS = 20
#: columns that get a finding of their own; the others share one
_MOST = 30
_FLIPS = 4
_DEALS = 3
#: rows returned beyond those given in, as a share, from which the step is asked whether it copies
_GROWTH = 0.01


def _example(run: Callable[[pl.DataFrame], pl.DataFrame]) -> DataEvidence:
    rng = np.random.default_rng(5)
    values = {"age": rng.normal(40, 9, 200), "kind": [f"k{at % 7}" for at in range(200)], "y": rng.random(200).round(3)}
    evidence = table(values, target="y")
    assert evidence.dataset is not None
    made = table(run(pl.DataFrame(values)).to_dict(as_series=False), target="y")
    step = UserStep(section="data.prepare", hook="steps:prepare", run=run, frame=pl.DataFrame(values))
    return replace(made, steps=(step,))


class _Unstable:
    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.Series("noise", self._rng.normal(size=frame.height)))


class _Preprocessing:
    """The step is called on its table as it is, with the values of the sealed rows replaced (a value of a development
    row that changes was learned from them), and with the target dealt anew (one that changes was made from it). A step
    that only looks back in file or time order changes nothing before the replaced rows, and passes."""

    codes = ("leak.preprocessing", "data.unstable_step")
    examples = (
        Example(
            make=lambda: _example(lambda f: f.with_columns((pl.col("age") / pl.col("age").std()).alias("scaled"))),
            codes=("leak.preprocessing",),
        ),
        Example(
            make=lambda: _example(lambda f: f.with_columns(pl.col("y").mean().over("kind").alias("rate"))),
            codes=("leak.preprocessing",),
        ),
        Example(make=lambda: _example(_Unstable()), codes=("data.unstable_step",)),
        Example(make=lambda: _example(lambda f: f.with_columns((pl.col("age") / 10).alias("decades")))),
        Example(make=lambda: _example(lambda f: f.with_columns(pl.col("y").shift(1).over("kind").alias("before")))),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if evidence.dataset is None:
            yield undecided("leak.preprocessing", "data", "there is no table to look at")
            return
        for step in evidence.steps:
            try:
                yield from _judge(evidence, step)
            except again.StepFailedError as error:
                yield undecided(
                    "leak.preprocessing",
                    f"step:{step.section}",
                    f"'{step.hook}' fails when it is called on changed rows ({error}), so what it learns is unknown",
                )
            except again.OutOfTimeError:
                yield undecided(
                    "leak.preprocessing",
                    f"step:{step.section}",
                    f"'{step.hook}' is too slow to be called often enough (more than {again.BUDGET_S:g} s)",
                )


@dataclass(slots=True, kw_only=True)
class _Learned:
    """What the counterfactuals found, by column: share of development rows that changed, and how far."""

    from_rows: dict[str, tuple[float, float]] = field(default_factory=dict)
    from_labels: dict[str, float] = field(default_factory=dict)
    from_own_label: set[str] = field(default_factory=set)
    columns_chosen: tuple[str, ...] = ()
    columns_chosen_by_label: tuple[str, ...] = ()
    rows_chosen: int = 0


def _judge(evidence: DataEvidence, step: UserStep) -> Iterator[Finding]:
    if step.frame.height < _MIN_ROWS:
        return
    bench = Bench(step)
    if bench.unstable or bench.unstable_order:
        yield _unstable(step, bench)
    if bench.base.height > bench.frame.height * (1 + _GROWTH):
        yield from _grown(step, bench)
        return
    if not bench.aligned:
        yield from _unaligned(evidence, step, bench)
        return
    setting = Setting.of(evidence, step, bench)
    found = _Learned()
    _learn_from_rows(bench, setting, found)
    _learn_from_labels(bench, setting, found)
    yield from _findings(evidence, step, found)


# ---------------------------------------------------------------- the experiments


def _learn_from_rows(bench: Bench, setting: Setting, found: _Learned) -> None:
    rounds: list[tuple[Mask, float, tuple[str, ...]]] = [
        (setting.development, 0.6, ("far", "high", "typical", "upper", "any"))
    ]
    if not setting.ordered:
        # What a fifth of the rows does not move (a most frequent value, say), two thirds may.
        few = again.drawn(setting.units, 0.33)
        rounds += [(few, 0.33, ("typical", "upper", "any")), (few, 0.33, ("high", "upper", "any"))]
    for look, share, ways in rounds:
        if look.all() or not look.any():
            continue
        seen = _with_others_replaced(bench, setting, look, ways)
        backward = [_with_others_replaced(bench, setting, early, ways) for early in setting.early(share)]
        for name, mask in seen.values.items():
            if name != setting.target and all(name in each.values for each in backward):
                found.from_rows.setdefault(name, (float(mask[look].mean()), seen.shift[name]))
        found.columns_chosen = found.columns_chosen or seen.gone
        if all(each.dropped for each in backward):
            found.rows_chosen = max(found.rows_chosen, seen.dropped)


def _with_others_replaced(bench: Bench, setting: Setting, look: Mask, ways: tuple[str, ...]) -> Changed:
    """The first way of replacing the other rows that the step can digest."""
    for way in ways[:-1]:
        try:
            return bench.compare(again.replaced(bench.frame, ~look, setting.keep, way), look)
        except again.StepFailedError:
            continue
    return bench.compare(again.replaced(bench.frame, ~look, setting.keep, ways[-1]), look)


def _learn_from_labels(bench: Bench, setting: Setting, found: _Learned) -> None:
    target = setting.target
    if target is None or bench.frame[target].n_unique() < 2:
        return
    everyone = np.ones(bench.frame.height, dtype=bool)
    for seed in range(_DEALS):  # a choice among few columns may come out the same by luck
        dealt = bench.compare(again.shuffled(bench.frame, target, everyone, seed), everyone)
        found.columns_chosen_by_label = found.columns_chosen_by_label or dealt.gone
    made = [name for name in dealt.values if name != target]
    if not made:
        return
    known = np.flatnonzero(bench.frame[target].is_not_null().to_numpy() & (_position(bench) >= 0))
    rows = np.random.default_rng(2).permutation(known)[:_FLIPS]
    for row in rows:
        only = np.zeros(everyone.size, dtype=bool)
        only[row] = True
        flipped = bench.compare(again.flipped(bench.frame, target, int(row)), only)
        found.from_own_label |= set(flipped.values) & set(made)
    sealed = bench.compare(again.shuffled(bench.frame, target, ~setting.development, 1), setting.development)
    backward = [
        bench.compare(again.shuffled(bench.frame, target, ~early, 1), early).values for early in setting.early(0.6)
    ]
    for name in made:
        looks_ahead = name in sealed.values and all(name in each for each in backward)
        if name in found.from_own_label or looks_ahead:
            found.from_labels[name] = float(dealt.values[name].mean())


def _position(bench: Bench) -> NDArray[np.int64]:
    assert bench.position is not None
    return bench.position


# ---------------------------------------------------------------- rows that cannot be followed


def _grown(step: UserStep, bench: Bench) -> Iterator[Finding]:
    """More rows than were given in: unfolding one row is honest, copying or inventing rows before a split is not."""
    subset = bench.frame[np.flatnonzero(again.drawn(np.arange(bench.frame.height), 0.5))]
    whole, part = _row_counts(bench.base), _row_counts(bench.call(subset))
    repeats_in = bench.frame.height - bench.frame.n_unique()
    repeats_out = bench.base.height - len(whole)
    invented = sum(count for row, count in part.items() if whole.get(row, 0) < count)
    grown = bench.base.height - bench.frame.height
    copies = repeats_out - repeats_in
    if bench.unstable_rows or copies > 0.2 * grown or invented > 0.01 * sum(part.values()):
        yield Finding(
            code="leak.preprocessing",
            severity=Severity.CRITICAL,
            blocking=True,
            subject="rows",
            message=f"'{step.hook}' ({step.section}) makes {bench.base.height:,} rows out of {bench.frame.height:,} "
            f"before the split: {max(copies, 0):,} are copies of others"
            + (", and the new rows depend on which rows are there" if invented else "")
            + ". Copies and mixtures of the sealed rows are learned from, so the score will promise too much.",
            observed={"rows_in": bench.frame.height, "rows_out": bench.base.height, "copies": copies},
            advice="leave resampling out of the step and set class weights in the model section instead",
        )


def _row_counts(frame: pl.DataFrame) -> dict[int, int]:
    hashes, counts = np.unique(again.row_hashes(frame), return_counts=True)
    return dict(zip(hashes.tolist(), counts.tolist(), strict=True))


def _unaligned(evidence: DataEvidence, step: UserStep, bench: Bench) -> Iterator[Finding]:
    """Rows go and cannot be followed (repeated ones, say): values that appear only when others are left out."""
    if bench.base.height < 0.5 * bench.frame.height or bench.unstable_rows:
        yield undecided(
            "leak.preprocessing", f"step:{step.section}", f"'{step.hook}' returns rows that cannot be followed"
        )
        return
    setting = Setting.of(evidence, step, bench)
    found = _Learned()
    base = again.rounded(bench.base)
    early = setting.early(0.6)[0]
    # Left out, or replaced by one far row: both must show it, for what stands first and for a drawn part.
    drawn = again.drawn(np.arange(bench.frame.height), 0.7)
    left_out = [_new_values(bench, base, bench.frame.filter(pl.Series(look))) for look in (drawn, early)]
    changed = [
        _new_values(bench, base, again.replaced(bench.frame, ~look, setting.keep, "far")) for look in (drawn, early)
    ]
    for name in base.columns:
        shares = [max(one.get(name, 0.0), two.get(name, 0.0)) for one, two in zip(left_out, changed, strict=True)]
        if name != setting.target and min(shares) > 0.02:
            found.from_rows[name] = (shares[0], float("nan"))
    yield from _findings(evidence, step, found)


def _new_values(bench: Bench, base: pl.DataFrame, frame: pl.DataFrame) -> dict[str, float]:
    """By column, the share of different values that the plain call does not return; rows replaced count as one."""
    part = again.rounded(bench.call(frame))
    found = {}
    for name in base.columns:
        if name in part.columns and name not in bench.unstable and part.height:
            values = part[name].unique()
            new = int((~np.isin(_hashes(values), _hashes(base[name]))).sum())
            found[name] = max(new - 1, 0) / values.len()
    return found


def _hashes(series: pl.Series) -> NDArray[np.uint64]:
    return series.hash().to_numpy()


# ---------------------------------------------------------------- words


def _findings(evidence: DataEvidence, step: UserStep, found: _Learned) -> Iterator[Finding]:
    assert evidence.dataset is not None
    features = {column.name for column in evidence.dataset.schema.features}
    if step.section == "data.prepare":
        from_labels = [name for name in found.from_labels if name in features]
        from_rows = [name for name in found.from_rows if name in features and name not in found.from_labels]
    else:
        from_labels, from_rows = list(found.from_labels), list(found.from_rows)
    for subject, names in _subjects(from_labels):
        own = bool(set(names) & found.from_own_label)
        yield _made_from_target(step, subject, names, own=own, share=max(found.from_labels[name] for name in names))
    for subject, names in _subjects(from_rows):
        yield _learned(step, subject, names, found)
    chosen = found.columns_chosen_by_label or found.columns_chosen
    if chosen:
        yield _chooses(step, chosen, by_label=bool(found.columns_chosen_by_label))
    if found.rows_chosen:
        yield Finding(
            code="leak.preprocessing",
            severity=Severity.HIGH,
            subject="rows",
            message=f"'{step.hook}' ({step.section}) decides which rows to keep by what it learns from all of them: "
            f"{found.rows_chosen:,} rows that it keeps now are dropped when the sealed rows hold other values.",
            observed=found.rows_chosen,
            advice="keep rows by fixed limits in the step, not by quantiles or averages of the whole table",
        )


def _subjects(names: list[str]) -> Iterator[tuple[str, list[str]]]:
    for name in sorted(names)[:_MOST]:
        yield f"column:{name}", [name]
    rest = sorted(names)[_MOST:]
    if rest:
        yield f"columns:{','.join(rest)}", rest


def _made_from_target(step: UserStep, subject: str, names: list[str], *, own: bool, share: float) -> Finding:
    what = "the label of the row itself" if own else "the labels of the sealed rows"
    return Finding(
        code="leak.preprocessing",
        severity=Severity.CRITICAL,
        blocking=True,
        subject=subject,
        message=f"'{step.hook}' ({step.section}) makes {listing(names)} from the target: when the labels are dealt "
        f"anew, {share:.0%} of its values change. They hold {what}.",
        observed={"changed_when_labels_are_shuffled": share, "own_label": own},
        evidence={"counter_proof": "with the target shuffled, the column follows the shuffled labels"},
        advice=f"make {listing(names)} without the target; for rates of the target use encoding: target under "
        "features, which is fitted out of fold",
    )


def _learned(step: UserStep, subject: str, names: list[str], found: _Learned) -> Finding:
    share, shift = found.from_rows[names[0]]
    far = f", by {shift:.2g} standard deviations on average" if np.isfinite(shift) else ""
    if step.section == "features.custom":
        why = "It is called again for each table, so a row alone gets another value than the same row among others."
    else:
        why = "It has learned from rows that must stay unseen, so the score will promise too much."
    return Finding(
        code="leak.preprocessing",
        severity=Severity.HIGH,
        subject=subject,
        message=f"'{step.hook}' ({step.section}) makes {listing(names)} out of all rows: when only the values of the "
        f"rows to be judged are replaced, {share:.0%} of the other rows' values change{far}. {why}",
        observed={"share_changed": share, "shift_in_standard_deviations": shift if np.isfinite(shift) else None},
        advice=f"leave scaling, filling and encoding of {listing(names)} to the features section, which learns on "
        "training rows only",
    )


def _chooses(step: UserStep, chosen: tuple[str, ...], *, by_label: bool) -> Finding:
    return Finding(
        code="leak.preprocessing",
        severity=Severity.CRITICAL if by_label else Severity.HIGH,
        blocking=by_label,
        confidence=Level.HIGH if by_label else Level.MEDIUM,
        subject=f"columns:{','.join(chosen[:_MOST])}",
        message=f"'{step.hook}' ({step.section}) chooses which columns to return by "
        + ("the target of all rows" if by_label else "what all rows hold")
        + f": with other {'labels' if by_label else 'values'} {listing(list(chosen))} would come or go.",
        observed={"columns": list(chosen)},
        advice="return the same columns always, and choose among them by a model that does so on training rows only",
    )


def _unstable(step: UserStep, bench: Bench) -> Finding:
    names = sorted(bench.unstable)
    if bench.unstable_order:
        return Finding(
            code="data.unstable_step",
            severity=Severity.LOW,
            subject="rows",
            message=f"'{step.hook}' ({step.section}) returns the same rows in another order each time it is called, so "
            "the split, and with it the score, cannot be repeated.",
            advice="keep the order (polars: unique(maintain_order=True)), or sort by a key at the end",
        )
    what = "another number of rows" if bench.unstable_rows else f"other values of {listing(names)}"
    return Finding(
        code="data.unstable_step",
        severity=Severity.MEDIUM,
        subject=f"column:{names[0]}" if len(names) == 1 else f"columns:{','.join(names[:_MOST])}",
        message=f"'{step.hook}' ({step.section}) returns {what} when it is called twice on the same table, so no "
        "result can be repeated and what it learns cannot be judged.",
        observed={"columns": names},
        advice="draw random numbers from a generator with a fixed seed inside the function",
    )


PLUGIN: Check = _Preprocessing()
