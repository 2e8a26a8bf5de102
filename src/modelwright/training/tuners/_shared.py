"""The seam of tuners, and what all three share: an Optuna study asked in fixed batches.

Asking in batches of a fixed size and telling in the order of trial numbers makes a search independent of which worker
was faster. A resumed search asks again from the start: units already on disk answer at once, so it arrives in the
same place with the same sampler, which no stored generator state could promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modelwright.core.ports import Choice, SearchSpace, Span

#: trials that must be complete before the median of a fold can stop another
_STARTUP_TRIALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """What to search: the space, where the study is kept, and which parameter sets come first."""

    space: SearchSpace
    seed: int
    storage: Path
    name: str
    greater_is_better: bool
    trials: int
    pruning: bool = True
    first: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    number: int
    params: dict[str, Any]


class Search(Protocol):
    def ask(self, n: int) -> list[Proposal]:
        """At most n new parameter sets; none when the space is exhausted."""
        ...

    def report(self, number: int, fold: int, value: float) -> bool:
        """The mean over the folds so far; True when the trial is hopeless and should stop."""
        ...

    def tell(self, number: int, value: float | None, state: str) -> None:
        """`state`: done, pruned or failed."""
        ...


class Tuner(Protocol):
    def start(self, plan: SearchPlan) -> Search: ...


@dataclass(slots=True, kw_only=True)
class StudySearch:
    """A search on an Optuna study."""

    study: Any
    plan: SearchPlan
    most: int
    _trials: dict[int, Any] = field(default_factory=dict)

    def ask(self, n: int) -> list[Proposal]:
        found = []
        for _ in range(min(n, self.most - len(self._trials))):
            trial = self.study.ask()
            params = {name: _suggest(trial, name, part) for name, part in sorted(self.plan.space.items())}
            self._trials[trial.number] = trial
            found.append(Proposal(number=trial.number, params=params))
        return found

    def report(self, number: int, fold: int, value: float) -> bool:
        trial = self._trials[number]
        trial.report(value, fold)
        return self.plan.pruning and bool(trial.should_prune())

    def tell(self, number: int, value: float | None, state: str) -> None:
        from optuna.trial import TrialState

        states = {"done": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
        self.study.tell(self._trials[number], value if state == "done" else None, state=states[state])


@dataclass(frozen=True, slots=True)
class StudyTuner:
    """A tuner that differs from the others by its sampler alone."""

    sampler: Callable[[SearchPlan], Any]
    #: the parameter sets to try and no others, where the tuner knows them beforehand
    listed: Callable[[SearchPlan], list[dict[str, Any]]] | None = None

    def start(self, plan: SearchPlan) -> Search:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        plan.storage.parent.mkdir(parents=True, exist_ok=True)
        plan.storage.unlink(missing_ok=True)
        study = optuna.create_study(
            study_name=plan.name,
            storage=JournalStorage(JournalFileBackend(str(plan.storage))),
            sampler=self.sampler(plan),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=0),
            direction="maximize" if plan.greater_is_better else "minimize",
        )
        listed = None if self.listed is None else self.listed(plan)
        for params in plan.first if listed is None else listed:
            study.enqueue_trial({name: value for name, value in params.items() if name in plan.space})
        return StudySearch(study=study, plan=plan, most=plan.trials if listed is None else len(listed))


def _suggest(trial: Any, name: str, part: Span | Choice) -> Any:
    if isinstance(part, Choice):
        return trial.suggest_categorical(name, list(part.values))
    if part.integer:
        return trial.suggest_int(name, int(part.low), int(part.high), log=part.log)
    return trial.suggest_float(name, float(part.low), float(part.high), log=part.log)


def grid_points(part: Span | Choice, count: int = 4) -> list[Any]:
    """The values a grid visits: all choices, or evenly (or log-evenly) spaced numbers of a range."""
    import numpy as np

    if isinstance(part, Choice):
        return list(part.values)
    spaced = np.geomspace if part.log else np.linspace
    values = spaced(part.low, part.high, count)
    if part.integer:
        return sorted({round(value) for value in values.tolist()})
    return sorted({min(max(value, part.low), part.high) for value in values.tolist()})
