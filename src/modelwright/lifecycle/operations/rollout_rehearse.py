"""Replay a prediction log through a rollout on this machine, with faults on purpose, and say where it would stop."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.rolling_out.declaring import PlanRequest, declared


class Request(PlanRequest, frozen=True, kw_only=True):
    log: Annotated[str, Meta(description="`log` for the model's own, or a .parquet, .csv or .jsonl file")] = "log"
    inject: Annotated[
        tuple[str, ...], Meta(description="drift, errors, latency or worse, or errors=0.05; repeatable")
    ] = ()
    inject_at: Annotated[float, Meta(ge=0, lt=1, description="share of the rows after which faults begin")] = 0.3
    per_second: Annotated[float, Meta(gt=0, description="requests a second of a table without times")] = 10.0
    seed: Annotated[int, Meta(ge=0, description="another seed deals the requests anew")] = 0


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.rehearsing.rehearsal import Asked, rehearse
    from modelwright.lifecycle.workspace import Workspace

    asked = Asked(
        name=request.name, plan=declared(request), source=request.log, faults=_faults(request.inject),
        from_share=request.inject_at, per_second=request.per_second, override=request.override,
        actor=context.actor, seed=request.seed,
    )  # fmt: skip
    return rehearse(Workspace(context.workspace, actor=context.actor, clock=context.clock), asked)


def _faults(said: tuple[str, ...]) -> tuple[tuple[str, float | None], ...]:
    from modelwright.core.errors import SpecError, did_you_mean
    from modelwright.lifecycle.rehearsing.faults import USUAL

    found: list[tuple[str, float | None]] = []
    for text in said:
        kind, _, strength = text.partition("=")
        try:
            number = float(strength) if strength else None
        except ValueError:
            number = -1.0
        if kind not in USUAL or (number is not None and not number > 0):
            raise SpecError(
                f"--inject {text[:60]} is no fault that can be injected.",
                code="rehearsal.fault",
                hint=did_you_mean(kind, USUAL) if kind not in USUAL else f"write {kind}={USUAL[kind]:g}",
                subject="option:inject",
            )
        found.append((kind, number))
    return tuple(found)


PLUGIN: Operation = Operation(request=Request, perform=perform)
