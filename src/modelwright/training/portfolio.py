"""Which candidates compete: the baselines, then what the file asks for, or a fixed portfolio in priority order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import msgspec

from modelwright.core.errors import SpecError
from modelwright.core.nouns import LeaderboardRow, Task
from modelwright.core.ports import Needs
from modelwright.training import entrants
from modelwright.training.candidates import ROUNDS, Candidate, load_family, read_params, simple_family, suitable
from modelwright.training.costs import Shape
from modelwright.training.entrants import PORTFOLIO, Entrant
from modelwright.training.request import TrainRequest
from modelwright.training.scoring import Judge
from modelwright.training.units import Weighting

#: metrics of labels that a majority class can win, where weights help models without a tuned threshold
_BALANCED_METRICS = ("f1", "f1_macro", "balanced_accuracy", "mcc", "recall", "jaccard")
#: optional part -> the module it brings, where the names differ
_MODULES = {"ebm": "interpret"}
#: the largest class is this many times the smallest before weights are worth their bias
_UNBALANCED = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUp:
    """Who competes. `chosen_from` are the names the final choice is made among."""

    baselines: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]
    chosen_from: tuple[str, ...]
    absent: tuple[LeaderboardRow, ...] = ()
    notes: tuple[str, ...] = ()


def line_up(request: TrainRequest, judge: Judge) -> LineUp:
    """Everybody in the order of their turn. Raises SpecError on parameters a family does not have."""
    weighting, note = choose_weighting(request, judge)
    simple = simple_family(request.task)
    dummy = Candidate(name="dummy", family="dummy", narrow=True)
    asked = asked_families(request)
    most_rows = 0 if asked is not None and simple in asked else entrants.plain_rows(_whole_s(request))
    plain = Candidate(name=simple, family=simple, weighting=weighting, most_rows=most_rows)
    if asked is None:
        found, absent = _fitting_portfolio(request)
    else:
        found, absent = _asked_candidates(request, asked), []
    baselines: dict[tuple[str, tuple[str, ...]], str] = {(one.family, ()): one.name for one in (dummy, plain)}
    found = [msgspec.structs.replace(one, weighting=weighting) for one in found]
    running = [one for one in found if (one.family, tuple(one.params)) not in baselines]
    names = [baselines.get((one.family, tuple(one.params)), one.name) for one in found]
    return LineUp(
        baselines=(dummy, plain),
        candidates=tuple(running),
        chosen_from=tuple(dict.fromkeys([plain.name, *names] if asked is None else names)),
        absent=tuple(absent),
        notes=tuple(one for one in (note, *_drawn(plain, running, request.frame.height)) if one),
    )


def _drawn(plain: Candidate, others: Sequence[Candidate], n_rows: int) -> list[str]:
    """What learns from a part of the rows, for lack of time."""
    said = []
    if 0 < plain.most_rows < n_rows:
        said.append(f"the plain baseline '{plain.name}' learns from {plain.most_rows:,} rows drawn from {n_rows:,}")
    fewer = {one.name: one.most_rows for one in others if one.most_rows}
    if fewer:
        listed = ", ".join(f"{name} from {rows:,}" for name, rows in fewer.items())
        said.append(f"with this budget these learn from rows drawn from {n_rows:,}: {listed}")
    return said


def _whole_s(request: TrainRequest) -> float:
    """The budget that the file names."""
    return request.budget_s / (1 - request.taken_share)


def asked_families(request: TrainRequest) -> list[str] | None:
    """The families the file names; None for `auto`."""
    said = request.model.type
    if said == "auto":
        return None
    return [said] if isinstance(said, str) else list(dict.fromkeys(said))


def _asked_candidates(request: TrainRequest, asked: Sequence[str]) -> list[Candidate]:
    found = []
    for name in asked:
        family = load_family(name, request.base_dir)
        if request.task not in family.tasks:
            raise SpecError(
                f"The family '{name}' does not serve {request.task.value}.",
                code="spec.family_task",
                hint=f"it serves {', '.join(sorted(task.value for task in family.tasks))}; or use type: auto",
                subject="model.type",
            )
        params = dict(request.model.params) if len(asked) == 1 else {}
        read_params(family, params, name)
        found.append(
            Candidate(
                name=_short_name(name, params, request.task),
                family=name,
                params=params,
                early_stopping=request.early_stopping and not set(params) & set(ROUNDS),
            )
        )
    return found


def _short_name(family: str, params: dict[str, Any], task: Task) -> str:
    """What the plan and the leaderboard call an asked family; not the name of a baseline that differs from it."""
    name = family.rpartition(":")[2]
    return f"{name}-asked" if name in ("dummy", simple_family(task)) and params else name


def _fitting_portfolio(request: TrainRequest) -> tuple[list[Candidate], list[LeaderboardRow]]:
    """The part of the portfolio that this table, this budget and this installation allow, and why not the rest."""
    usable, broken = suitable([one.family for one in PORTFOLIO], request.task, request.base_dir)
    why = dict(broken)
    found, absent = [], []
    for one in PORTFOLIO:
        params, most_rows, reason = dict(one.params), 0, why.get(one.family, "")
        if one.family in usable:
            params, most_rows, reason = _suited(request, one)
        if one.family in usable and not reason:
            found.append(
                Candidate(
                    name=one.name,
                    family=one.family,
                    params=params,
                    early_stopping=request.early_stopping,
                    recipe=one.recipe,
                    most_rows=most_rows,
                )
            )
        elif reason and "does not serve" not in reason:
            absent.append(
                LeaderboardRow(name=one.name, family=one.family, params=params, status="skipped", note=reason)
            )
    return found, absent


def _suited(request: TrainRequest, one: Entrant) -> tuple[dict[str, Any], int, str]:
    """The entrant's parameters and most rows for this table and budget, and why it does not compete, if so."""
    family = load_family(one.family, request.base_dir)
    said, rows = dict(one.params), request.frame.height
    whole_s = _whole_s(request)
    reason = _unfit(family.needs, one, rows, whole_s)
    if reason:
        return said, 0, reason
    params, most_rows, reason = entrants.fitted_to(
        one, read_params(family, said, one.name), shape_of(request, family.needs), whole_s=whole_s,
        n_folds=max(1, len(request.folds)),
    )  # fmt: skip
    return (said, 0, reason) if reason else (entrants.changed_params(params), most_rows, "")


def shape_of(request: TrainRequest, needs: Needs) -> Shape:
    """The size of a fit on all rows for a family with these needs."""
    outputs = len(request.classes) if len(request.classes) > 2 else 1
    return Shape(n_rows=request.frame.height, n_columns=entrants.width(request.schema, needs), n_outputs=outputs)


def _unfit(needs: Needs, one: Entrant, rows: int, whole_s: float) -> str:
    least_s = max(one.least_s, needs.min_budget_s)
    most_rows = (
        min(found) if (found := [most for most in (one.most_rows, needs.max_rows) if most is not None]) else None
    )
    if needs.extra is not None and find_spec(_MODULES.get(needs.extra, needs.extra)) is None:
        return f"the optional part '{needs.extra}' is not installed"
    if most_rows is not None and rows > most_rows:
        return f"too slow above {most_rows:,} rows"
    if rows < (least := max(needs.min_rows, one.least_rows)):
        return f"needs at least {least:,} rows"
    return f"tried with budgets from {least_s:.0f} s" if whole_s < least_s else ""


def choose_weighting(request: TrainRequest, judge: Judge) -> tuple[Weighting, str]:
    """How unequal classes are met, and why. Where a threshold is tuned it does what weights would do (Elkan 2001:
    reweighting and moving the threshold are equivalent), without spoiling the probabilities."""
    import numpy as np

    said = request.model.imbalance
    if not request.task.is_classification or request.y is None:
        return "none", ""
    if said != "auto":
        return said, "" if said == "none" else f"imbalance: {said}, as asked, on learn rows only"
    counts = np.bincount(request.y, minlength=len(request.classes))
    counts = counts[counts > 0]
    unequal = counts.size > 1 and counts.max() > _UNBALANCED * counts.min()
    if not unequal or judge.metric.needs != "labels" or judge.metric_name not in _BALANCED_METRICS:
        return "none", "imbalance: none needed for this metric" if unequal else ""
    if judge.tunes_threshold:
        return "none", "imbalance: met by the tuned decision threshold, which leaves probabilities unbiased"
    return "class_weight", f"imbalance: class weights, because {judge.metric_name} judges labels of unequal classes"
