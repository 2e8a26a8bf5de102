"""Challenger against champion, paired on rows that neither learned from: the frozen ones and the recent ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.nouns import ModelVersion
from modelwright.core.report import Comparison
from modelwright.lifecycle.declared import Declared
from modelwright.lifecycle.workspace import Workspace
from modelwright.spec.hooks import spec_hooks
from modelwright.spec.monitoring import RetrainingSpec

if TYPE_CHECKING:
    import polars as pl

    from modelwright.registry.bundle import LoadedBundle

_FEWEST = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """passed, why, and both comparisons; None where there were too few rows."""

    passed: bool
    reason: str
    frozen: Comparison | None
    recent: Comparison | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "reason": self.reason,
            "frozen": msgspec.to_builtins(self.frozen),
            "recent": msgspec.to_builtins(self.recent),
        }


def compare_both(
    workspace: Workspace,
    declared: Declared,
    pair: tuple[ModelVersion, ModelVersion],
    parts: tuple[pl.DataFrame, pl.DataFrame],
    looks: int,
) -> tuple[Comparison | None, Comparison | None]:
    """pair: challenger, champion; parts: frozen and recent rows. looks: how often the frozen rows were compared on, by
    which level and p-value are corrected (Bonferroni). Raises ModelError where a bundle cannot be loaded."""
    from modelwright.evaluation.costs import charged
    from modelwright.registry.bundle import load
    from modelwright.spec.hooks import at_home

    with at_home(declared.base_dir):
        hooks = spec_hooks(declared.spec, declared.base_dir)
        challenger, champion = (
            load(workspace.root / version.bundle_path, expected=version.bundle_digest, hooks=hooks) for version in pair
        )
        metric = _metric(workspace, pair[0])
        with charged(declared.spec.evaluation.cost, challenger.signature.classes):
            found = [_paired(challenger, champion, rows, metric, pair[1], looks) for rows in parts]
    return found[0], found[1]


def _metric(workspace: Workspace, version: ModelVersion) -> str:
    report = workspace.read_run(version.run_id).report
    return report.metric if report is not None else ""


def _paired(
    challenger: LoadedBundle,
    champion: LoadedBundle,
    rows: pl.DataFrame,
    metric: str,
    against: ModelVersion,
    looks: int,
) -> Comparison | None:
    import numpy as np
    import polars as pl

    from modelwright.data.target import labels
    from modelwright.evaluation.comparison import compare
    from modelwright.lifecycle.champion import in_order

    signature = challenger.signature
    rows = rows.filter(pl.col(signature.target).is_not_null()) if signature.target is not None else rows
    if rows.height < _FEWEST:
        return None
    y: Any
    if signature.classes:
        places = {label: place for place, label in enumerate(signature.classes)}
        text = labels(rows[signature.target or ""])
        rows = rows.filter(text.is_in(list(places)))
        y = np.array([places[label] for label in text if label in places], dtype=np.int64)
    else:
        y = rows[signature.target or ""].cast(pl.Float64).to_numpy()
    mine, theirs = challenger.predict(rows), in_order(champion.predict(rows), champion.signature, signature)
    found = compare(y, mine, theirs, metric, against=f"version {against.version}", level=1.0 - 0.05 / max(1, looks))
    corrected = None if found.p_value is None else min(1.0, found.p_value * max(1, looks))
    return msgspec.structs.replace(found, p_value=corrected)


def judge(frozen: Comparison | None, recent: Comparison | None, spec: RetrainingSpec) -> Outcome:
    """Worse anywhere is held; `better` has to be shown on one of the two."""
    gains = {"frozen": _better(frozen), "recent": _better(recent)}
    if _worse(recent):
        return _said(False, f"it is worse on recent rows: {_figure(recent)}", frozen, recent)
    if _worse(frozen):
        loss = -frozen.difference.value if frozen is not None else 0.0
        if not (gains["recent"] and loss <= spec.frozen_loss):
            return _said(False, f"it is worse on the frozen rows: {_figure(frozen)}", frozen, recent)
    if any(gains.values()):
        where = " and ".join(f"{name} rows {_figure(each)}" for name, each in (("frozen", frozen), ("recent", recent))
                             if gains[name])  # fmt: skip
        return _said(True, f"it is better on {where}", frozen, recent)
    if spec.bar == "not_worse" and frozen is not None:
        return _said(
            True, f"it is not measurably worse: frozen {_figure(frozen)}, recent {_figure(recent)}", frozen, recent
        )
    return _said(
        False, f"it is not measurably better: frozen {_figure(frozen)}, recent {_figure(recent)}", frozen, recent
    )


def _said(passed: bool, reason: str, frozen: Comparison | None, recent: Comparison | None) -> Outcome:
    return Outcome(passed=passed, reason=reason, frozen=frozen, recent=recent)


def _better(found: Comparison | None) -> bool:
    return found is not None and found.difference.low is not None and found.difference.low > 0


def _worse(found: Comparison | None) -> bool:
    return found is not None and found.difference.high is not None and found.difference.high < 0


def _figure(found: Comparison | None) -> str:
    if found is None:
        return "too few rows"
    difference = found.difference
    span = "" if difference.low is None else f" ({difference.low:+.4f} to {difference.high:+.4f})"
    return f"{found.metric} {difference.value:+.4f}{span} on {found.n:,} rows"


def read_parts(folder: Path, frozen: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    import polars as pl

    from modelwright.lifecycle.retraining.rows import RECENT

    return frozen, pl.read_parquet(folder / RECENT)
