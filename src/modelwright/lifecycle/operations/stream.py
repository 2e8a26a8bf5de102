"""Score a stream of events: take from one broker, answer to another, lose and double nothing."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request

_URL = "nats://host:4222/STREAM/subject, amqp://host/queue, redis://host/0/stream, kafka://host:9092/topic, "


class Request(_Request, frozen=True, kw_only=True):
    name: Annotated[
        str, Meta(description="a bundle folder, NAME, NAME:VERSION or NAME@ALIAS", extra={"positional": True})
    ]
    source: Annotated[
        str,
        Meta(description=f"{_URL}sqlite:///path#queue or dir:///folder", extra={"name": "--from"}),
    ]
    to: Annotated[str, Meta(description="the same, or postgresql://host/database#table")]
    group: Annotated[str | None, Meta(description="consumers of one group share the events")] = None
    in_flight: Annotated[int, Meta(description="events in hand at once", ge=1, le=10_000)] = 256
    attempts: Annotated[int, Meta(description="tries before an event becomes a dead letter", ge=1, le=100)] = 5
    retry_s: Annotated[float, Meta(description="seconds before the second try; doubled each time", gt=0, le=60)] = 0.5
    dead_letter: Annotated[
        str | None, Meta(description="where events go that cannot be answered (default: a queue in the workspace)")
    ] = None
    id_field: Annotated[str, Meta(description="field that names the event, where no header does")] = ""
    horizon_hours: Annotated[
        float, Meta(description="how long the ids of finished events are kept", gt=0, le=24 * 365)
    ] = 24 * 7.0
    hang_s: Annotated[float, Meta(description="a batch that takes longer ends the process", ge=1, le=86_400)] = 300.0
    once: Annotated[bool, Meta(description="stop when nothing waits any more")] = False
    log: Annotated[bool, Meta(description="write the answers to the prediction log too")] = False
    allow_open: Annotated[bool, Meta(description="accept a broker elsewhere without encryption or without a user")] = (
        False
    )
    allow_hook: Annotated[
        tuple[str, ...], Meta(description="let the bundle call this function of yours, module:function; repeatable")
    ] = ()


def perform(request: Request, context: Context) -> dict[str, Any]:
    from modelwright.lifecycle.operation import Progress
    from modelwright.lifecycle.scoring import prediction_log
    from modelwright.lifecycle.streaming.engine import Limits, Subject
    from modelwright.lifecycle.streaming.model import scorer, served
    from modelwright.lifecycle.streaming.places import broker, shown
    from modelwright.lifecycle.streaming.running import Plan, run

    for url in (request.source, request.to, request.dead_letter):
        if url is not None:
            broker(url, allow_open=request.allow_open)  # a wrong address is said before the work
    context.progress(Progress(step="load", message="verifying and probing the bundle"))
    model = served(request.name, context.workspace, request.allow_hook)
    group = request.group or f"modelwright-{model.name}"
    state = context.workspace / "streams" / _folder(group)
    plan = Plan(
        source=request.source,
        to=request.to,
        dead=request.dead_letter or f"sqlite:///{state / 'dead.sqlite'}#dead",
        group=group,
        state=state,
        once=request.once,
        allow_open=request.allow_open,
        hang_s=request.hang_s,
        limits=Limits(
            in_flight=request.in_flight,
            attempts=request.attempts,
            retry_s=request.retry_s,
            horizon_s=3600.0 * request.horizon_hours,
        ),
    )
    subject = Subject(
        model=model.name,
        group=group,
        source=shown(request.source),
        columns=frozenset(field.name for field in model.signature.inputs),
        id_field=request.id_field,
    )
    log = prediction_log(context.workspace) if request.log else None
    try:
        found = run(plan, scorer(model, group, log), subject, context)
    finally:
        if log is not None:
            log.close()
    return {"model": model.name, "version": model.version, **found}


def _folder(group: str) -> str:
    """A name that any file system takes, and no two groups share."""
    import re
    from hashlib import sha256

    plain = re.sub(r"[^A-Za-z0-9_-]", "_", group)[:60]
    return plain if plain == group else f"{plain}-{sha256(group.encode()).hexdigest()[:8]}"


PLUGIN: Operation = Operation(request=Request, perform=perform)
