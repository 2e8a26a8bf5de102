"""One source of rows that supplies most of a class, or whose labels disagree with what everybody else's teach."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import development_rows, measured_rows, strengths, table, task_of
from modelwright.core.nouns import Column, Finding, Level, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset

_NAME = re.compile(
    r"(^|[_\-. ])(source|annotator|labell?er|rater|reviewer|annotated_by|labell?ed_by|collector|contributor|worker|"
    r"submitter|uploader|provider|vendor|supplier|origin_system|feed|crawler|uploaded_by|submitted_by|data_source)"
    r"([_\-. ]?(id|name|no))?$",
    re.I,
)
#: a source holds this share of a class's rows ...
QUOTA = 0.3
#: ... and this many times its share of the rest
TIMES = 3.0
#: rows that disagree with the model, over what the other sources show
EXCESS = 0.15
_MIN_ROWS, _MOST_SOURCES = 30, 500
#: Bonferroni over sources and classes
_LEVEL = 0.001


def _labels(flips: bool, hoards: bool = False) -> DataEvidence:
    rng = np.random.default_rng(8)
    a = rng.normal(size=900)
    y = (a + rng.normal(0, 0.4, 900) > 0).astype(int)
    source = rng.choice(["north", "south", "east", "west", "web"], 900)
    if flips:
        y = np.where((source == "web") & (rng.random(900) < 0.6), 1 - y, y)
    if hoards:
        source = np.where((y == 1) & (rng.random(900) < 0.6), "web", source)
        source = np.where((y == 0) & (source == "web"), "north", source)
    return table({"a": a, "b": rng.normal(size=900), "source": source, "y": y}, target="y")


class _Sources:
    codes = ("data.source_share", "data.source_labels")
    examples = (
        Example(make=lambda: _labels(flips=True), codes=("data.source_labels",)),
        Example(make=lambda: _labels(flips=False, hoards=True), codes=("data.source_share",)),
        Example(make=lambda: _labels(flips=False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset, task = evidence.dataset, task_of(evidence)
        target = dataset.schema.target if dataset is not None else None
        if dataset is None or target is None:
            if evidence.problem is None or evidence.problem.task.has_target:
                yield undecided("data.source_share", "data", "there is no target to look at")
            return
        if task is None or not task.is_classification:
            return
        there = frozenset(dataset.frame.columns)  # asked once: polars makes the list anew each time
        for column in dataset.schema.columns:
            if column.role is Role.TARGET or not _NAME.search(column.name) or column.name not in there:
                continue
            yield from _quotas(evidence, dataset, column, target)
            yield from _disagreement(evidence, dataset, column, target)


def _quotas(evidence: DataEvidence, dataset: Dataset, column: Column, target: str) -> Iterator[Finding]:
    """A source's share of one class against its share of all other rows."""
    rows = development_rows(evidence, dataset.n_rows, limit=200_000)
    pairs = pl.DataFrame(
        {"source": dataset.frame[column.name][rows].cast(pl.String), "label": dataset.frame[target][rows]}
    )
    counts = pairs.drop_nulls().group_by("source", "label").len().sort("source", "label")
    sources, labels = counts["source"].n_unique(), counts["label"].n_unique()
    if not 3 <= sources <= _MOST_SOURCES or labels < 2:
        return
    total = int(counts["len"].sum())
    of_source = dict(counts.group_by("source").agg(pl.col("len").sum()).iter_rows())
    of_label = dict(counts.group_by("label").agg(pl.col("len").sum()).iter_rows())
    worst: tuple[float, Any] = (0.0, None)
    for source, label, n in counts.iter_rows():
        elsewhere = (of_source[source] - n) / max(total - of_label[label], 1)
        share = n / of_label[label]
        if n < _MIN_ROWS or share < QUOTA or share < TIMES * elsewhere or of_label[label] > 0.9 * total:
            continue
        # A source that is nearly all there is of the table cannot be outsized.
        if share > worst[0] and of_source[source] < 0.6 * total and _is_rare(n, of_label[label], elsewhere, sources):
            worst = (share, (source, label, n, elsewhere))
    if worst[1] is None:
        return
    source, label, n, elsewhere = worst[1]
    yield Finding(
        code="data.source_share",
        severity=Severity.MEDIUM,
        confidence=Level.MEDIUM,
        subject=f"column:{column.name}",
        message=f"'{column.name}' = '{source}' supplies {worst[0]:.0%} of the rows labelled '{label}', but "
        f"{elsewhere:.0%} of the others: whoever controls that source decides what '{label}' looks like. "
        f"Without it, {n:,} of {of_label[label]:,} such rows go.",
        observed=worst[0],
        threshold=QUOTA,
        evidence={"source": str(source), "label": str(label), "rows": n, "share_of_other_classes": round(elsewhere, 4)},
        advice=f"find out why; cap the rows that one {column.name} may give to a class, and judge with "
        f"data.split.kind: group and features.group: {column.name}, so that a source is never on both sides",
    )


def _is_rare(n: int, of_label: int, elsewhere: float, tests: int) -> bool:
    from scipy.special import bdtrc

    return bool(bdtrc(n - 1, of_label, min(max(elsewhere, 1.0 / of_label), 1.0)) * tests < _LEVEL)


def _disagreement(evidence: DataEvidence, dataset: Dataset, column: Column, target: str) -> Iterator[Finding]:
    """Labels of each source against a model that learned from all, out of fold."""
    found = strengths(evidence)
    if found is None or found.n_classes < 2:
        return
    rows = measured_rows(evidence, dataset, target)
    sources = dataset.frame[column.name][rows].cast(pl.String).fill_null("missing").to_numpy()
    # The model must not see who labelled: it would learn each source's own rule.
    wrong = found.predicted_without(column.name).argmax(axis=1) != found.y
    names, of = np.unique(sources, return_inverse=True)
    if not 3 <= names.size <= _MOST_SOURCES:
        return
    worst = _most_wrong(wrong, of, names.size)
    if worst is None:
        return
    at, share, elsewhere = worst
    yield Finding(
        code="data.source_labels",
        severity=Severity.MEDIUM,
        confidence=Level.MEDIUM,
        subject=f"column:{column.name}",
        message=f"Labels from '{column.name}' = '{names[at]}' contradict a model of all rows in {share:.0%} of its "
        f"{int((of == at).sum()):,} rows, those of the other sources in {elsewhere:.0%}: that source labels by another "
        "rule, carelessly, or on purpose. Left alone, the model learns from it like from any other.",
        observed=share - elsewhere,
        threshold=EXCESS,
        evidence={"source": str(names[at]), "share": round(share, 4), "elsewhere": round(elsewhere, 4)},
        advice=f"have a person check a sample of its labels before training; leave its rows out until then "
        f"({(of == at).mean():.1%} of rows)",
    )


def _most_wrong(wrong: NDArray[np.bool_], of: NDArray[np.int64], n: int) -> tuple[int, float, float] | None:
    sizes, errors = np.bincount(of, minlength=n), np.bincount(of, weights=wrong, minlength=n)
    shares = errors / np.maximum(sizes, 1)
    elsewhere = (errors.sum() - errors) / np.maximum(sizes.sum() - sizes, 1)
    excess = np.where(sizes >= _MIN_ROWS, shares - elsewhere, -1.0)
    at = int(excess.argmax())
    if excess[at] < EXCESS or sizes[at] > 0.5 * sizes.sum():
        return None
    from scipy.stats import fisher_exact

    rest = (errors.sum() - errors[at], sizes.sum() - sizes[at] - (errors.sum() - errors[at]))
    counts = np.array([[errors[at], sizes[at] - errors[at]], rest])
    chance = float(fisher_exact(counts, alternative="greater")[1])
    return (at, float(shares[at]), float(elsewhere[at])) if chance * n < _LEVEL else None


PLUGIN: Check = _Sources()
