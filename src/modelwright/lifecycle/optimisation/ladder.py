"""Smaller and smaller models from one: leaves of half the width, fewer members, fewer rounds.

Every rung follows from the model and the rows alone. What each costs is measured by its honest answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modelwright.core.ports import Metric
from modelwright.lifecycle.optimisation.evidence import Answers, Evidence
from modelwright.registry.model import Member, Model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: each cut keeps this share of the rounds, down to the fewest
_KEPT_ROUNDS, _FEWEST_ROUNDS = 0.7, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A model, how it came about, and its honest answers; None where no rows can tell."""

    model: Model
    steps: tuple[str, ...]
    answers: Answers | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """How members are chosen: the metric on these rows."""

    metric: Metric
    rows: NDArray[np.int64]


def honest(model: Model, evidence: Evidence, outputs: Sequence[NDArray[np.float64]] | None = None) -> Answers | None:
    """What the model answers to rows its members have not learned from; outputs: each member's, for all rows."""
    import numpy as np

    outputs = outputs or member_outputs(model, evidence)
    n = evidence.frame.height
    total, weight = np.zeros((n, *outputs[0].shape[1:])), np.zeros(n)
    for member, output in zip(model.members, outputs, strict=True):
        rows = _may_answer(member, evidence)
        total[rows] += output[rows] * member.weight
        weight[rows] += member.weight
    rows = np.flatnonzero(weight > 0)
    if not rows.size:
        return None
    mean = total[rows] / weight[rows].reshape(-1, *[1] * (total.ndim - 1))
    return Answers(rows=rows, predictions=model.finish(mean))


def _may_answer(member: Member, evidence: Evidence) -> NDArray[np.int64]:
    import numpy as np

    if evidence.fresh:
        return np.arange(evidence.frame.height)
    if member.fold is None or member.fold >= len(evidence.request.folds):
        return np.zeros(0, dtype=np.int64)
    return evidence.request.folds[member.fold][1]


def member_outputs(model: Model, evidence: Evidence) -> list[NDArray[np.float64]]:
    import numpy as np

    matrices: dict[int, Any] = {}
    found = []
    for member in model.members:
        if id(member.features) not in matrices:
            matrices[id(member.features)] = member.features.transform(evidence.frame).values
        found.append(np.asarray(member.fitted.predict(matrices[id(member.features)]), dtype=np.float64))
    return found


# ---------------------------------------------------------------- rungs


def rungs(model: Model, evidence: Evidence, choosing: Choosing, told: Answers | None) -> Iterator[Rung]:
    """From the largest to the smallest. `told`: the run's own answers, which packing leaves as they are."""
    packed, n_packed = _packed(model)
    steps: tuple[str, ...] = ()
    if n_packed:
        steps = (f"leaves of {n_packed} of {len(model.members)} members rounded to float32",)
    outputs = member_outputs(packed, evidence)
    yield Rung(model=packed, steps=steps, answers=honest(packed, evidence, outputs) or told)
    kept = packed
    groups = _groups(packed.members)
    if honest(packed, evidence, outputs) is not None:
        for left in _dropped(packed, groups, outputs, evidence, choosing):
            members = [at for group in left for at in group]
            kept = replace(packed, members=tuple(packed.members[at] for at in members))
            said = f"{len(members)} of {len(packed.members)} members kept"
            yield Rung(model=kept, steps=(*steps, said), answers=honest(kept, evidence, [outputs[a] for a in members]))
        if len(kept.members) < len(packed.members):
            steps = (*steps, f"{len(kept.members)} of {len(packed.members)} members kept")
        yield from _cut(kept, steps, evidence)


def _packed(model: Model) -> tuple[Model, int]:
    """The model with every tree member's leaves rounded, and how many there were."""
    from modelwright.stats.trees_model import TreeModel
    from modelwright.stats.trees_smaller import rounded

    members, count = [], 0
    for member in model.members:
        fitted = member.fitted
        if isinstance(fitted, TreeModel):
            fitted, count = rounded(fitted), count + 1
        members.append(replace(member, fitted=fitted))
    return replace(model, members=tuple(members)), count


def _groups(members: Sequence[Member]) -> list[list[int]]:
    """Positions of members that belong together: the fold models of one candidate, in the order of the folds."""
    groups: list[list[int]] = []
    for at, member in enumerate(members):
        before = members[at - 1] if at else None
        follows = (
            before is not None
            and member.fold is not None
            and before.fold is not None
            and member.fold > before.fold
            and member.family == before.family
        )
        if follows:
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups


def _dropped(
    model: Model,
    groups: list[list[int]],
    outputs: Sequence[NDArray[np.float64]],
    evidence: Evidence,
    choosing: Choosing,
) -> Iterator[list[list[int]]]:
    """One group less each time, always the one whose absence costs least (ties: the later one)."""
    left = list(groups)
    while len(left) > 1:
        scored = []
        for out in reversed(range(len(left))):
            members = [at for place, group in enumerate(left) if place != out for at in group]
            rest = replace(model, members=tuple(model.members[at] for at in members))
            answers = honest(rest, evidence, [outputs[at] for at in members])
            score = _score(answers, evidence, choosing)
            if score is not None:
                scored.append((score, out))
        if not scored:
            return
        worst = max(scored, key=lambda pair: pair[0])[1]
        left = [group for place, group in enumerate(left) if place != worst]
        yield left


def _score(answers: Answers | None, evidence: Evidence, choosing: Choosing) -> float | None:
    """More is better; None unless every row that chooses is answered."""
    import numpy as np

    if answers is None or not np.isin(choosing.rows, answers.rows).all():
        return None
    value = choosing.metric.score(evidence.y[choosing.rows], answers.at(choosing.rows))
    return float(value if choosing.metric.greater_is_better else -value)


def score(answers: Answers | None, evidence: Evidence, choosing: Choosing) -> float | None:
    """The metric of the answers on the rows that choose, signed so that more is better."""
    return _score(answers, evidence, choosing)


def _cut(model: Model, steps: tuple[str, ...], evidence: Evidence) -> Iterator[Rung]:
    """Fewer rounds in every member made of trees, a share less each time."""
    from modelwright.stats.trees_model import TreeModel
    from modelwright.stats.trees_smaller import rounds_of, shortened

    trees = [member.fitted for member in model.members if isinstance(member.fitted, TreeModel)]
    if not trees:
        return
    share, most = 1.0, max(rounds_of(one) for one in trees)
    while most * share > _FEWEST_ROUNDS:
        share *= _KEPT_ROUNDS
        members = []
        for member in model.members:
            fitted = member.fitted
            if isinstance(fitted, TreeModel):
                fitted = shortened(fitted, max(_FEWEST_ROUNDS, round(rounds_of(fitted) * share)))
            members.append(replace(member, fitted=fitted))
        cut = replace(model, members=tuple(members))
        said = f"the first {share:.0%} of the rounds kept"
        yield Rung(model=cut, steps=(*steps, said), answers=honest(cut, evidence))
