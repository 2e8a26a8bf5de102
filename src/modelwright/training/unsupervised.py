"""Training without a target: clusterings compared by silhouette, anomaly detectors taken as asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelwright.core.errors import ModelError, SpecError
from modelwright.core.nouns import LeaderboardRow, Task
from modelwright.core.tables import Predictions
from modelwright.training import bench as benches
from modelwright.training import finishing
from modelwright.training.candidates import Candidate, load_family, read_params, suitable
from modelwright.training.executing import open_workers
from modelwright.training.fitting import Fitter
from modelwright.training.request import Trained, TrainRequest
from modelwright.training.scoring import as_predictions
from modelwright.training.session import Session, listening_for_signals
from modelwright.training.units import Unit, UnitResult, UnitStore

_FAMILIES = {Task.CLUSTERING: ("kmeans", "gaussian_mixture"), Task.ANOMALY: ("isolation_forest",)}
#: names of the parameter that counts clusters
_COUNTS = ("n_clusters", "n_components", "k")
_MOST_CLUSTERS = 8


def train(request: TrainRequest, started: float) -> Trained:
    """Fit each candidate on all rows; the best silhouette wins, fewer clusters among equals."""
    store = UnitStore(request.cache / "units")
    store.clear_drafts()
    candidates = line_up(request)
    units = {one.name: one.unit(request.seed, None) for one in candidates}
    bench = benches.lay(request, request.cache / "bench")
    with open_workers(request, request.cache / "bench", len(units)) as pool:
        session = Session(request=request, bench=bench, store=store, pool=pool, started_s=started)
        with listening_for_signals(session):
            _run(session, list(units.values()))
        if not session.results and not session.stopped:
            # nothing was in time: the first and smallest is fit here, so that there is always a model
            session.fit_here(Fitter(bench=bench, store=store), next(iter(units.values())))
        return _answer(session, candidates, units)


def line_up(request: TrainRequest) -> list[Candidate]:
    """The families asked for, or the usual ones; clusterings once for each number of clusters to try."""
    said = request.model.type
    asked = list(_FAMILIES[request.task]) if said == "auto" else [said] if isinstance(said, str) else list(said)
    usable, refused = suitable(asked, request.task, request.base_dir)
    if said != "auto" and refused:
        raise SpecError(
            f"The family '{refused[0][0]}' cannot be used: {refused[0][1]}.",
            code="spec.family_task",
            hint=f"for {request.task.value} use {', '.join(_FAMILIES[request.task])}",
            subject="model.type",
        )
    params = dict(request.model.params) if len(asked) == 1 else {}
    found = [one for name in usable for one in _versions(request, name, params)]
    if not found:
        raise ModelError(f"No family for {request.task.value} could be loaded.", code="training.nothing")
    return found


def _versions(request: TrainRequest, family: str, params: dict[str, Any]) -> list[Candidate]:
    known = read_params(load_family(family, request.base_dir), params, family)
    count = next((name for name in _COUNTS if name in type(known).__struct_fields__), None)
    if request.task is not Task.CLUSTERING or count is None or count in params:
        return [Candidate(name=family, family=family, params=params, keep_predictions=True)]
    most = max(2, min(_MOST_CLUSTERS, request.frame.height - 1))
    return [
        Candidate(name=f"{family}-{k}", family=family, params={**params, count: k}, keep_predictions=True)
        for k in range(2, most + 1)
    ]


def _run(session: Session, units: Sequence[Unit]) -> None:
    waiting = [unit for unit in units if session.planned(unit)]
    running: set[str] = set()
    while waiting or running:
        if session.stopped or session.left_s <= 0:
            session.drop("interrupted" if session.stopped else "the budget was spent")
            return
        while waiting and session.pool.free:
            unit = waiting.pop(0)
            if not session.ask(unit):
                running.add(unit.name)
        running -= {outcome.unit.name for outcome in session.listen()}


def _answer(session: Session, candidates: Sequence[Candidate], units: dict[str, Unit]) -> Trained:
    import numpy as np

    request = session.request
    done = [
        (one, session.results[units[one.name].name]) for one in candidates if units[one.name].name in session.results
    ]
    if not done:
        if session.stopped:
            raise KeyboardInterrupt
        reasons = "; ".join(
            f"{name}: {outcome.message or outcome.reason}" for name, outcome in session.failures.items()
        )
        raise ModelError(f"Nothing could be fit ({reasons}).", code="training.nothing", hint="look at the data checks")
    chosen, result = max(done, key=lambda pair: -2.0 if pair[1].silhouette is None else pair[1].silhouette)
    predictions = as_predictions(request.task, (), session.store.predictions(result.key))
    return Trained(
        model=finishing.assemble(request, session.store, [finishing.Part(family=chosen.family, key=result.key)]),
        leaderboard=_leaderboard(session, candidates, units, chosen),
        trials=(),
        oof=predictions if predictions.n_rows else Predictions(),
        oof_rows=np.arange(request.frame.height, dtype=np.int64),
        baselines={},
        pipeline=result.pipeline,
        plan=session.plan(),
        chosen_family=chosen.family,
        chosen_params=chosen.params,
        notes=_notes(session, chosen, result),
        timings_s={"fits": round(session.busy_s, 3), "total": round(session.elapsed_s, 3)},
        interrupted=session.stopped,
    )


def _notes(session: Session, chosen: Candidate, result: UnitResult) -> tuple[str, ...]:
    notes = ["predictions are for the rows learned from: without a target nothing is held out"]
    if result.silhouette is not None:
        notes.append(f"{chosen.name} has the best silhouette, {result.silhouette:.3f}, on a sample")
    return (*notes, "interrupted") if session.stopped else tuple(notes)


def _leaderboard(
    session: Session, candidates: Sequence[Candidate], units: dict[str, Unit], chosen: Candidate
) -> tuple[LeaderboardRow, ...]:
    rows = []
    for one in candidates:
        name = units[one.name].name
        result, failure = session.results.get(name), session.failures.get(name)
        late = failure is None or failure.reason in ("interrupted", "the budget was spent")
        rows.append(
            LeaderboardRow(
                name=one.name,
                family=one.family,
                params=one.params,
                status="done" if result else "skipped" if late else "failed",
                score=result.silhouette if result else None,
                fit_s=result.fit_s if result else 0.0,
                predict_us_per_row=result.predict_us_per_row if result else None,
                size_bytes=result.size_bytes if result else None,
                note="" if result else (failure.message or failure.reason) if failure else "the budget was spent",
                chosen=one is chosen,
            )
        )
    rows.sort(key=lambda row: (row.status != "done", -(row.score if row.score is not None else -2.0)))
    return tuple(rows)
