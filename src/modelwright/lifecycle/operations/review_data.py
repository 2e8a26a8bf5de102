"""Review the data of a run: quality, leakage and split."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.reviewing import ReviewRequest, review


def perform(request: ReviewRequest, context: Context) -> dict[str, Any]:
    return review("data", request, context)


PLUGIN: Operation = Operation(request=ReviewRequest, perform=perform)
