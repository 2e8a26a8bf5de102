"""Columns that give the target only together: sums of several, and two by a simple rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import listing, undecided
from modelwright.checks.strengths import (
    Strengths,
    development_rows,
    feature_columns,
    has_no_target,
    numbers,
    strengths,
    table,
)
from modelwright.checks.strengths import row_limit as row_limit
from modelwright.core.nouns import Finding, Level, Role, Severity, Task
from modelwright.core.ports import Check, Example
from modelwright.stats import association
from modelwright.stats.pairs import Pair

#: error of the pair's rule up to which it is exact but for a few rows (2 % of labels turned over), or nearly so (5 %);
#: a rule with 10 % noise errs 0.2 and passes. Values: noise of 2 % and of 5 % of the target's spread.
_COPY, _NEAR = {True: 0.05, False: 0.0005}, {True: 0.12, False: 0.003}
#: mistakes of the best limit, by rows of the rarer class
_MISTAKES = 0.2
#: each column alone, and all others together, must err at least so many times more than the pair
_GAP = 4.0
#: a product or a ratio may be honest physics (power from voltage and current); it is a leak where a name says that one
#: column is a result, as the amount is in a unit price
_RESULT = re.compile(
    r"(^|[_\W])(total|sum|amount|amt|revenue|sales|cost|paid|billed|charged|final|end|ended|finish\w*|close\w*|arriv\w*|"
    r"outcome|result|after|post|cumulative|overall|gross|net)($|[_\W\d])",
    re.IGNORECASE,
)
#: exclusive-or, tables of kinds and remainders fit more by chance: each column alone must tell next to nothing
_INNOCENT = 0.6


def _rentals(leaks: bool) -> DataEvidence:
    rng = np.random.default_rng(13)
    casual, registered = rng.integers(0, 90, 300), rng.integers(0, 400, 300)
    total = casual + registered + (0 if leaks else rng.normal(0, 20, 300))
    return table(
        {"casual": casual, "registered": registered, "t": rng.normal(size=300), "y": total},
        target="y",
        task=Task.REGRESSION,
    )


def _power() -> DataEvidence:
    rng = np.random.default_rng(19)
    volts, amperes = rng.lognormal(4, 0.4, 400), rng.lognormal(1, 0.5, 400)
    columns = {"volts": volts, "amperes": amperes, "t": rng.normal(size=400), "watts": volts * amperes}
    return table(columns, target="watts", task=Task.REGRESSION)


def _unpaid(noise: float) -> DataEvidence:
    rng = np.random.default_rng(17)
    due = rng.lognormal(4, 1, 600)
    paid = np.where(rng.random(600) < 0.6, due, due * rng.random(600))
    late = (due - paid > 0) ^ (rng.random(600) < noise)
    return table({"due": due, "paid": paid, "t": rng.normal(size=600), "y": late.astype(int)}, target="y")


class _Combination:
    """All pairs are searched (`stats.pairs`). A pair is one when its rule gives the target nearly perfectly, while
    neither column alone does, nor a quick model of all the others."""

    codes = ("leak.combination",)
    examples = (
        Example(make=lambda: _rentals(True), codes=("leak.combination",)),
        Example(make=lambda: _unpaid(0.0), codes=("leak.combination",)),
        Example(make=_power, codes=("leak.combination",)),  # asked about, not blocked
        Example(make=lambda: _rentals(False)),
        Example(make=lambda: _unpaid(0.12)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        found = strengths(evidence)
        if found is None:
            yield undecided(
                "leak.combination",
                "data",
                "no feature column can be measured against the target (too few rows or texts only)",
            )
            return
        parts = _exact_sum(found)
        if parts:
            yield _of_a_sum(found, parts)
            return
        searched = _Searched.of(evidence, found)
        for pair in _pairs(found, searched):
            yield _of_a_pair(found, searched, pair)
        if len(found.alone) > len(found.names):
            yield undecided(
                "leak.combination",
                "data",
                f"only pairs among the {len(found.names)} strongest of {len(found.alone)} columns were searched",
            )


def _exact_sum(found: Strengths) -> dict[str, float]:
    from modelwright.stats.association import exact_combination

    parts = {} if found.n_classes else exact_combination(found.X, found.y, found.names)
    return parts if len(parts) > 1 else {}


@dataclass(frozen=True, slots=True)
class _Searched:
    """The columns whose pairs are searched: the measured features, and when each row was known (a duration needs
    both ends)."""

    names: tuple[str, ...]
    X: NDArray[np.float64]
    numeric: list[bool]
    alone: dict[str, float]

    @classmethod
    def of(cls, evidence: DataEvidence, found: Strengths) -> _Searched:
        names, X, alone = found.names, found.X, dict(found.alone)
        numeric = [at not in found.categorical for at in range(len(names))]
        frame = measured_rows(evidence)
        for column in evidence.dataset.schema.with_role(Role.TIME) if evidence.dataset is not None else ():
            if frame.height != found.y.size or column.name not in frame.columns:
                continue
            values = numbers(frame[column.name])
            single = association.single(association.codes_of_numbers(values), found.y, found.n_classes, found.fold)
            names, X, numeric = (*names, column.name), np.column_stack([X, values]), [*numeric, True]
            alone[column.name] = min(association.error(found.y, single, found.n_classes), 1.0)
        return cls(names, X, numeric, alone)


def measured_rows(evidence: DataEvidence) -> pl.DataFrame:
    """The rows on which `strengths` measures, with all columns; empty without a target."""
    dataset = evidence.dataset
    if dataset is None or dataset.schema.target is None:
        return pl.DataFrame()
    rows = development_rows(evidence, dataset.n_rows, row_limit(len(feature_columns(dataset))))
    return dataset.frame[rows].filter(pl.col(dataset.schema.target).is_not_null())


def _pairs(found: Strengths, searched: _Searched) -> Iterator[Pair]:
    """Pairs that are leaks, most exact first; those that share a column with one already named are its echoes."""
    from modelwright.stats import pairs

    if len(searched.names) < 2:
        return
    near, floor = _NEAR[found.n_classes > 0], 1.0 / found.y.size
    taken: set[int] = set()
    for pair in pairs.best(searched.X, found.y, found.n_classes, searched.numeric, found.fold):
        if pair.error > near:
            return
        both = (searched.names[pair.first], searched.names[pair.second])
        least = _GAP * max(pair.error, floor)
        needed = least if _is_smooth(pair) else max(least, _INNOCENT)
        if {pair.first, pair.second} & taken or min(searched.alone[name] for name in both) < needed:
            continue
        if found.without(*both) < least or found.without(*both) - pair.error < 0.01:
            continue
        if found.n_classes == 2 and _is_smooth(pair) and pairs.mistakes(pair, searched.X, found.y) > _MISTAKES:
            continue  # it ranks a rare class well, as the best two signs together do, but does not give it
        if _is_formula(found, pair) and pair.error > _COPY[False]:
            continue  # a measured product with noise is what models are for
        taken |= {pair.first, pair.second}
        yield pair


def _is_formula(found: Strengths, pair: Pair) -> bool:
    """Numbers that are a product or a ratio: computed from the two, or a law of nature; values do not tell which."""
    return found.n_classes == 0 and _rule_of(pair) in (" * ", " / ")


def _is_smooth(pair: Pair) -> bool:
    return _rule_of(pair) in (" - ", " + ", " * ", " / ")


def _rule_of(pair: Pair) -> str:
    return pair.how.split("}")[1][:3]


def _of_a_sum(found: Strengths, parts: dict[str, float]) -> Finding:
    without = found.without(*parts)
    terms = " ".join(f"{weight:+.4g} x {name}" for name, weight in parts.items())
    return Finding(
        code="leak.combination",
        severity=Severity.CRITICAL,
        blocking=True,
        subject=f"columns:{','.join(sorted(parts))}",
        message=f"{listing(sorted(parts))} together give the target exactly: it equals {terms} in every row. Such "
        "columns are parts of the answer, not reasons for it.",
        observed={"weights": parts},
        threshold="exact to 1e-6 of the target's spread",
        evidence=_counter_proof(found, tuple(parts)),
        advice=f"list {listing(sorted(parts))} under features.ignore; expect about {found.score(without)} without them",
    )


def _of_a_pair(found: Strengths, searched: _Searched, pair: Pair) -> Finding:
    both = (searched.names[pair.first], searched.names[pair.second])
    without, exact = found.without(*both), pair.error <= _COPY[found.n_classes > 0]
    rule = pair.how.format(a=both[0], b=both[1])
    alone = {name: searched.alone[name] for name in both}
    named = any(_RESULT.search(name) for name in both)
    if _is_formula(found, pair) and not named:
        return _of_a_formula(found, both, rule, pair)
    blocking = exact and (named or _rule_of(pair) not in (" * ", " / "))
    return Finding(
        code="leak.combination",
        severity=Severity.CRITICAL if blocking else Severity.HIGH,
        blocking=blocking,
        confidence=Level.HIGH if exact else Level.MEDIUM,
        subject=f"columns:{','.join(sorted(both))}",
        message=f"'{both[0]}' and '{both[1]}' together give the target away ({rule}: {found.score(pair.error)}), "
        f"though neither does alone ({', '.join(f'{name}: {found.score(error)}' for name, error in alone.items())}) "
        f"and all others reach {found.score(without)}. The target was probably made from them.",
        observed={"rule": rule, "together": pair.error, "alone": alone, "all_others": without},
        threshold={"together": _NEAR[found.n_classes > 0], "gap": _GAP},
        evidence=_counter_proof(found, both) | {"scale": "0 perfect, 1 no better than knowing nothing"},
        advice=f"list '{both[0]}' and '{both[1]}' under features.ignore unless both are truly known before the "
        f"target (then no model is needed: use the rule); expect about {found.score(without)} without them",
    )


def _of_a_formula(found: Strengths, both: tuple[str, str], rule: str, pair: Pair) -> Finding:
    return Finding(
        code="leak.combination",
        severity=Severity.MEDIUM,
        confidence=Level.LOW,
        subject=f"columns:{','.join(sorted(both))}",
        message=f"The target is {rule} ({found.score(pair.error)}): either it was computed from '{both[0]}' and "
        f"'{both[1]}', or no model is needed, because a formula does. Their values do not tell which.",
        observed={"rule": rule, "together": pair.error},
        threshold={"together": _COPY[False], "gap": _GAP},
        evidence=_counter_proof(found, both),
        advice=f"if both are known before the target, use the formula; else list '{both[0]}' and '{both[1]}' under "
        f"features.ignore and expect about {found.score(found.without(*both))}",
    )


def _counter_proof(found: Strengths, columns: tuple[str, ...]) -> dict[str, object]:
    """What a quick model reaches without the columns, with a bootstrap interval over rows."""
    from modelwright.stats.resampled import error_interval

    low, high = error_interval(found.y, found.predicted_without(*columns), found.n_classes)
    return {
        "score_without": found.score(found.without(*columns)),
        "interval_95": [found.score(high), found.score(low)],
    }


PLUGIN: Check = _Combination()
