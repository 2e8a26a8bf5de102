"""Why rows got their answers: contributions of each input column, by the training path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwright.core.errors import ModelError
from modelwright.serving.asking import Refused
from modelwright.serving.judging import Batch

if TYPE_CHECKING:
    from modelwright.serving.live import Served


def explained(served: Served, batch: Batch, request_id: str, most_rows: int) -> dict[str, Any]:
    """JSON values. Raises Refused (`request.rows`) for many rows, (`explain.unsupported`) for such a model."""
    from modelwright.evaluation.explain import explain_row

    rows = [row for row in batch.values if row is not None]
    if not rows:  # partial, and nothing is left of it
        first = batch.problems[0]
        raise Refused(first.message, code=first.code, problems=batch.problems)
    if len(rows) > most_rows:
        raise Refused(
            f"{len(rows)} rows cannot be explained at once.", code="request.rows", hint=f"send at most {most_rows} rows"
        )
    frame = served.scoring.frame(rows)
    outcome = served.score(rows)
    found = []
    for at in range(len(rows)):
        try:
            one = explain_row(served.model, frame, at)
        except ModelError as error:
            raise Refused(error.message, code=error.code, hint=error.hint, subject=served.name) from error
        answer = outcome.answers[at]
        one["prediction"] = served.labels[answer] if served.labels else answer
        if outcome.probabilities is not None:
            one["probabilities"] = dict(zip(served.classes, outcome.probabilities[at], strict=True))
        found.append(one)
    return {
        "request_id": request_id,
        "model": {"name": served.name, "version": served.version},
        "explanations": found,
    }
