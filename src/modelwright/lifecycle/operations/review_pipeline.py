"""Review how a run was made: seeds, splits, order of steps, reuse, environment, scorers."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.reviewing import ReviewRequest, review


def perform(request: ReviewRequest, context: Context) -> dict[str, Any]:
    return review("pipeline", request, context)


PLUGIN: Operation = Operation(request=ReviewRequest, perform=perform)
