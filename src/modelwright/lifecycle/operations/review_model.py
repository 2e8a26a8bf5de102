"""Review the model of a run: the checklist of an ML engineer, each item decided by measured evidence."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.reviewing import ReviewRequest, review


def perform(request: ReviewRequest, context: Context) -> dict[str, Any]:
    return review("model", request, context)


PLUGIN: Operation = Operation(request=ReviewRequest, perform=perform)
