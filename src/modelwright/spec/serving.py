"""The section `serving:` of pipeline.yaml: how a model answers once it is live."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from modelwright.spec.section import Section


class ColumnPolicy(Section, frozen=True, kw_only=True):
    """What is done with one input column at the door and in the log; what is not said follows the section."""

    unseen: Literal["count", "refuse"] | None = None
    out_of_range: Literal["count", "refuse"] | None = None
    null: Annotated[Literal["allow", "refuse"] | None, Meta(description="whether the value may be missing")] = None
    low: Annotated[float | None, Meta(description="the least acceptable value, below which a row is refused")] = None
    high: Annotated[float | None, Meta(description="the greatest acceptable value")] = None
    log: Annotated[
        Literal["keep", "hash", "drop"] | None,
        Meta(description="how the value is kept in the prediction log; personal data are dropped by default"),
    ] = None


class LogSpec(Section, frozen=True, kw_only=True):
    durability: Annotated[
        Literal["group", "disk", "buffered"],
        Meta(description="group: written before the reply, on the disk within 100 ms; disk: on the disk before the "
             "reply; buffered: may be lost with the process"),
    ] = "group"  # fmt: skip
    enabled: Annotated[bool, Meta(description="write every prediction down")] = True
    columns: Annotated[
        Literal["allow", "none"],
        Meta(description="allow: every feature but personal data is kept; none: only those whose policy says keep"),
    ] = "allow"
    subject: Annotated[
        str | None, Meta(description="the column that names a person, by whose value records are erased; kept hashed")
    ] = None
    retention_days: Annotated[int, Meta(ge=1, le=36_500, description="how long sealed predictions are kept")] = 365
    sync_ms: Annotated[int, Meta(ge=1, le=1_000, description="group: the longest time until it is on the disk")] = 100


class ServingSpec(Section, frozen=True, kw_only=True):
    """How a model answers once it is live."""

    unseen: Annotated[
        Literal["count", "refuse"],
        Meta(description="a category that training never saw: answered and counted, or refused"),
    ] = "count"
    out_of_range: Annotated[
        Literal["count", "refuse"],
        Meta(description="a number outside what training saw: answered and counted, or refused"),
    ] = "count"
    unknown_fields: Annotated[Literal["refuse", "ignore"], Meta(description="fields that the model does not know")] = (
        "refuse"
    )
    columns: Annotated[dict[str, ColumnPolicy], Meta(description="what differs for single columns")] = {}
    max_rows: Annotated[int, Meta(ge=1, le=1_000_000, description="rows in one request")] = 10_000
    max_bytes: Annotated[int, Meta(ge=1_024, le=1 << 30, description="bytes in one request")] = 8 << 20
    deadline_ms: Annotated[int, Meta(ge=1, le=600_000, description="how long one request may take")] = 10_000
    queue: Annotated[int, Meta(ge=1, le=1_000_000, description="requests that may wait in one worker")] = 1_024
    cache_rows: Annotated[
        int, Meta(ge=0, le=10_000_000, description="answers remembered by features and version; 0 for none")
    ] = 0
    batching: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="answer waiting requests together; auto: where it was measured to pay"),
    ] = "auto"
    fallback: Annotated[
        list[str],
        Meta(description="what answers when the model fails, in this order: last_good, fast, constant, or a bundle"),
    ] = msgspec.field(default_factory=lambda: ["last_good", "fast", "constant"])
    constant: Annotated[
        str | float | None,
        Meta(description="the answer of last resort; by default the target's shares (or median) in training"),
    ] = None
    log: LogSpec = msgspec.field(default_factory=LogSpec)
