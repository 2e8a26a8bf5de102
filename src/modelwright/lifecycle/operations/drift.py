"""Say whether later rows still look like the reference: window by window, at a stated false-alarm rate."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    reference: Annotated[
        str, Meta(description="a table, a bundle folder, run:ID or a registered model", extra={"positional": True})
    ]
    current: Annotated[
        str, Meta(description="a table, or a registered model for its prediction log", extra={"positional": True})
    ]
    time: Annotated[str | None, Meta(description="the column that says when a row was known")] = None
    window: Annotated[str | None, Meta(description="500 rows, or 1d, 12h, 30min, 1w (default: all rows at once)")] = (
        None
    )
    ignore: Annotated[tuple[str, ...], Meta(description="leave this column out; repeatable")] = ()
    by: Annotated[str | None, Meta(description="also judge each value of this column by itself")] = None
    budget: Annotated[
        Annotated[float, Meta(gt=0, le=1000)] | None,
        Meta(description="false alarms allowed per day (default: one in 30 days)"),
    ] = None
    joint: Annotated[bool, Meta(description="also test all columns together where each by itself is silent")] = True
    since: Annotated[str | None, Meta(description="prediction log: from this time on (UTC)")] = None
    until: Annotated[str | None, Meta(description="prediction log: before this time (UTC)")] = None


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.drifting import Wanted, drift_between
    from modelwright.lifecycle.log_times import moment
    from modelwright.monitoring.drift_tables import ALARMS_PER_DAY, Options
    from modelwright.monitoring.windows import width

    options = Options(
        window=width(request.window),
        alarms_per_day=ALARMS_PER_DAY if request.budget is None else request.budget,
        joint=request.joint,
    )
    wanted = Wanted(
        reference=request.reference,
        current=request.current,
        time=request.time,
        ignore=request.ignore,
        since=moment(request.since, "since"),
        until=moment(request.until, "until"),
        by=request.by,
    )
    return drift_between(wanted, options, context.workspace)


PLUGIN: Operation = Operation(request=Request, perform=perform)
