"""Is this window like the reference? Each column tested, adjusted over columns, held against effect and persistence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.monitoring.drift_calibration import Calibrated
from modelwright.monitoring.drift_looks import WEIGHTS, Expected, Look, as_row, looks
from modelwright.monitoring.windows import WindowState
from modelwright.registry.reference_columns import ColumnReference
from modelwright.stats import drift_tests
from modelwright.stats.multiple_testing import benjamini_hochberg

#: the alarm probability of a clean window, where no budget asks for less
LEVEL = 0.01
#: shares of it: the model's answers, all at once by a classifier, the columns (what is left)
PREDICTIONS_SHARE, JOINT_SHARE = 0.25, 0.1
#: windows of which two must show a change; fewer windows than this stand each for itself
_PERSISTENCE = 3
_MOVES = ("bins", "trend")
_PART_KINDS = {"bins": "shift", "trend": "shift", "missing": "missing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """One column in one window. `seen`: significant and large enough; `alarm`: seen in two of three windows too,
    or huge. p_adjusted is over all tests of the window and compares with its level."""

    name: str
    role: str
    alarm: bool
    p_adjusted: float
    effect: float
    effect_low: float
    measure: str
    kind: str
    seen: bool = False
    huge: bool = False
    missing_share: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowDrift:
    start: str
    rows: int
    alarm: bool
    features: tuple[ColumnDrift, ...]
    undecided: str = ""
    joint: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """How a window's alarm probability is divided."""

    predictions: float
    joint: float

    @property
    def columns(self) -> float:
        return 1.0 - self.predictions - self.joint


def shares(*, predictions: bool, joint: bool) -> Shares:
    return Shares(PREDICTIONS_SHARE if predictions else 0.0, JOINT_SHARE if joint else 0.0)


def level_for(alarms_per_day: float | None, windows_per_day: float | None) -> float:
    """The alarm probability a clean window may have under a budget; never more than 1 %."""
    if alarms_per_day is None or windows_per_day is None or windows_per_day <= 0:
        return LEVEL
    return float(min(LEVEL, alarms_per_day / windows_per_day))


def judge(
    learned: Calibrated,
    state: WindowState,
    start: str,
    weights: Mapping[str, NDArray[np.float64]],
    *,
    roles: Mapping[str, str],
    divided: Shares,
) -> WindowDrift:
    """One window before persistence. weights: its rows by stratum, by kind of season."""
    if state.rows < 2:
        said = "no rows" if state.rows == 0 else "one row"
        return WindowDrift(start=start, rows=state.rows, alarm=False, features=(), undecided=f"it has {said}")
    found = [_looked(name, known, state, weights) for name, known in learned.columns.items() if name in state.counts]
    p_values = [min((look.p for look in each), default=1.0) for _, each in found]
    if learned.tail is not None:
        p_values = [learned.tail.p(p) for p in p_values]
    adjusted = _adjusted([name for name, _ in found], p_values, roles, divided)
    columns = [
        _column(name, each, p, adjusted[name], learned, state.counts[name][-1] / state.rows, roles.get(name, "feature"))
        for (name, each), p in zip(found, p_values, strict=True)
    ]
    return WindowDrift(start=start, rows=state.rows, alarm=False, features=tuple(columns))


def _looked(
    name: str, known: Expected, state: WindowState, weights: Mapping[str, NDArray[np.float64]]
) -> tuple[str, list[Look]]:
    row = as_row(known.column, state.counts[name])
    return name, looks(known, row, None if known.strata is None else weights.get(known.strata.kind))


def _adjusted(
    names: Sequence[str], p_values: Sequence[float], roles: Mapping[str, str], divided: Shares
) -> dict[str, float]:
    """Benjamini-Hochberg among the answers and among the columns, each family with its share of the level."""
    found: dict[str, float] = {}
    for answers, share in ((True, divided.predictions), (False, divided.columns)):
        chosen = [at for at, name in enumerate(names) if (roles.get(name) == "prediction") is answers]
        if chosen and share > 0:
            family = benjamini_hochberg([p_values[at] for at in chosen]) / share
            found |= {names[at]: float(min(1.0, p)) for at, p in zip(chosen, family.tolist(), strict=True)}
    return found


def _column(
    name: str,
    each: Sequence[Look],
    p: float,
    adjusted: float,
    learned: Calibrated,
    missing: float,
    role: str,
) -> ColumnDrift:
    column = learned.columns[name].column
    factor = adjusted / max(p, 1e-300)
    convincing = [look for look in each if min(1.0, look.p) * factor <= learned.level or look.p <= p]
    large = [look for look in convincing if look.large_enough]
    lead = max(large or convincing or each, key=_strength, default=None)
    if lead is not None and lead.part == "strange" and column.grid is not None and lead.effect.value < 0.5:
        # what moved as a whole has also left its range: the move is its name
        lead = max((look for look in large if look.part in _MOVES and look.huge), key=_strength, default=lead)
    seen = adjusted <= learned.level and bool(large)
    return ColumnDrift(
        name=name,
        role=role,
        alarm=False,
        p_adjusted=adjusted,
        effect=0.0 if lead is None else lead.effect.value,
        effect_low=0.0 if lead is None else lead.effect.low,
        measure="" if lead is None else lead.measure,
        kind="shift" if lead is None else kind_of(lead.part, column),
        seen=seen,
        huge=seen and adjusted <= learned.level / 10 and any(look.huge for look in large),
        missing_share=float(missing),
    )


def _strength(look: Look) -> tuple[float, float]:
    """Which look names the change: the least probable; among impossible ones, missing and strange tell more."""
    return (-max(look.p, 1e-12), {"missing": 2.0, "strange": 1.0}.get(look.part, 0.0))


def kind_of(part: str, column: ColumnReference) -> str:
    if part == "strange":
        return "unseen" if column.grid is None else "range"
    return _PART_KINDS[part]


# ---------------------------------------------------------------- over windows


def persistent(windows: Sequence[WindowDrift]) -> list[WindowDrift]:
    """Windows in order with their alarms: what is seen in two of the last three windows, or is huge at once."""
    decided = [window for window in windows if not window.undecided]
    single = len(decided) < _PERSISTENCE
    past: list[set[str]] = []
    found = []
    for window in windows:
        if window.undecided:
            found.append(window)
            continue
        seen = {column.name for column in window.features if column.seen}
        if window.joint is not None and window.joint["seen"]:
            seen.add("\0joint")
        before = past[-(_PERSISTENCE - 1) :]
        again = {name for name in seen if single or any(name in each for each in before)}
        past.append(seen)
        columns = tuple(
            replace(column, alarm=column.seen and (column.huge or column.name in again)) for column in window.features
        )
        joint = None if window.joint is None else {**window.joint, "alarm": "\0joint" in again}
        alarm = any(column.alarm for column in columns) or (joint is not None and joint["alarm"])
        found.append(replace(window, features=columns, joint=joint, alarm=alarm))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The smallest change that windows of so many rows show in 95 of 100 cases."""

    rows: int
    psi: float
    shift_sd: float
    missing_points: float
    notes: tuple[str, ...] = field(default=())


def smallest(rows: float, reference_rows: float, tests: int, level: float, dispersion: float = 1.0) -> Visible | None:
    """For one column of `tests` that changes alone; a normal column's shift is about the root of its PSI."""
    if rows < 2 or reference_rows < 2 or tests < 1:
        return None
    from scipy.special import ndtri

    ours, theirs = rows / dispersion, reference_rows / dispersion
    alpha = WEIGHTS["bins"] * level / tests
    psi = max(drift_tests.detectable_psi(ours, theirs, 9, alpha), 0.01)
    z = float(ndtri(1 - level / tests * WEIGHTS["missing"] / 2)) + 1.645
    points = max(0.01, z * float(np.sqrt(0.05 * 0.95 * drift_tests.per_row_error(ours, theirs))))
    return Visible(rows=int(rows), psi=psi, shift_sd=float(np.sqrt(psi)), missing_points=min(1.0, points))
