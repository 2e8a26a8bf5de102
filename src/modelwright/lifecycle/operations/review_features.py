"""Review the features of a run: availability, stability, order of preparation, importance."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.reviewing import ReviewRequest, review


def perform(request: ReviewRequest, context: Context) -> dict[str, Any]:
    return review("features", request, context)


PLUGIN: Operation = Operation(request=ReviewRequest, perform=perform)
