"""The plane as a stream uses it: many events in one request, and who of them was refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modelwright.core.errors import AdapterError, ModelError
from modelwright.lifecycle.streaming.events import Event, PoisonError, answer_message
from modelwright.records.ports import Message, PredictionLog
from modelwright.serving.asking import Answer, Ask, Refused
from modelwright.serving.live import Served, load
from modelwright.serving.plane import Plane


def served(wanted: str, workspace: Path, hooks: Sequence[str] = ()) -> Served:
    """Load what a name, version, alias, run or folder means. Raises ModelError (`stream.batch_only`) for a model whose
    answer to a row depends on the rows before it."""
    from modelwright.lifecycle.scoring import find_bundle, identity, log_folder
    from modelwright.records.keys import load_key
    from modelwright.spec.serving_file import load_serving

    name, version = identity(wanted, workspace)
    folder = find_bundle(wanted, workspace)
    pipeline = folder.parent / "pipeline.yaml"
    spec = load_serving(pipeline) if pipeline.is_file() else None
    found = load(folder, name, version, spec, hooks=hooks, key=load_key(log_folder(workspace)))
    if found.bundle.manifest.scorers.batch_only:
        raise ModelError(
            f"The answers of '{name}' depend on the rows before, so it cannot score events one by one.",
            code="stream.batch_only",
            hint="score tables with `modelwright predict`, or train without windows and custom functions",
            subject=name,
        )
    return found


def scorer(
    model: Served, group: str, log: PredictionLog | None = None
) -> Callable[[Sequence[Event]], list[Message | PoisonError]]:
    """Answers by event. Raises Refused or whatever the model raises where no event can be blamed; AdapterError where
    the prediction log cannot be written."""
    plane = Plane(log)
    plane.put(model, aliases=("champion",))

    def score(events: Sequence[Event]) -> list[Message | PoisonError]:
        ask = Ask(
            model=model.name,
            rows=[row for event in events for row in event.rows],
            row_ids=[f"{event.id}/{at}" for event in events for at in range(len(event.rows))],
            partial=True,
        )
        try:
            answer = plane.answer(ask)
            plane.commit()
        except Refused as refusal:
            if refusal.subject == "log":
                raise AdapterError(
                    refusal.message, code="log.failed", hint=refusal.hint, subject="log", retryable=True
                ) from refusal
            if len(events) > 1 or not refusal.code.startswith("request."):
                raise
            return [PoisonError(refusal.code, _why(refusal.problems) or refusal.message)]
        return _by_event(events, answer, group)

    return score


def _by_event(events: Sequence[Event], answer: Answer, group: str) -> list[Message | PoisonError]:
    wrong: dict[int, list[Any]] = {}
    for problem in answer.problems:
        wrong.setdefault(problem.row, []).append(problem)
    found: list[Message | PoisonError] = []
    start = 0
    for event in events:
        rows = range(start, start + len(event.rows))
        start = rows.stop
        problems = [problem for row in rows for problem in wrong.get(row, ())]
        refused = [row for row in rows if answer.predictions[row] is None]
        if problems or refused:
            code = problems[0].code if problems else "request.invalid"
            found.append(PoisonError(code, _why(problems) or "the row was refused"))
            continue
        probabilities = None
        if answer.probabilities is not None:
            probabilities = [dict(zip(answer.classes, answer.probabilities[row], strict=True)) for row in rows]
        found.append(
            answer_message(
                event,
                group,
                model=answer.model,
                version=answer.version,
                degraded=answer.degraded,
                predictions=[answer.predictions[row] for row in rows],
                probabilities=probabilities,
            )
        )
    return found


def _why(problems: Sequence[Any]) -> str:
    return "; ".join(f"{problem.field}: {problem.message}" for problem in problems[:5])
