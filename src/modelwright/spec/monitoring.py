"""The sections `monitoring:`, `alerts:` and `retraining:` of pipeline.yaml: what is watched, and what follows."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelwright.spec.section import Section

Span = Annotated[str, Meta(pattern=r"^[0-9]+(s|m|h|d|w)$")]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

#: what an alert can be about
Subject = Literal[
    "drift", "decay", "slo", "quality", "rollout_stopped", "retraining_held", "retraining_failed", "log_failures"
]
SeverityName = Literal["page", "ticket", "info"]


def seconds(text: str) -> float:
    """`90s`, `15m`, `6h`, `3d`, `1w` in seconds. Raises ValueError."""
    found = re.fullmatch(r"([0-9]+)([smhdw])", text.strip())
    if found is None:
        raise ValueError(f"'{text[:40]}' is no time span; write 90s, 15m, 6h, 3d or 1w")
    return float(int(found[1]) * _UNITS_S[found[2]])


class DriftWatch(Section, frozen=True, kw_only=True):
    enabled: bool = True
    window: (
        Annotated[
            str,
            Meta(
                pattern=r"^[1-9][0-9]*(rows|min|m|s|h|d|w)?$", description="one window: 500 rows, or a time such as 1d"
            ),
        ]
        | Annotated[int, Meta(ge=1)]
    ) = "1d"
    alarms_per_day: Annotated[float, Meta(gt=0.0, le=100.0, description="false alarms that are acceptable a day")] = (
        0.033
    )
    ignore: Annotated[list[str], Meta(description="columns that may change as they like")] = []


class DecayWatch(Section, frozen=True, kw_only=True):
    enabled: bool = True
    window: Annotated[
        Span, Meta(description="how far back labelled predictions are judged, against the version's first labels")
    ] = "4w"
    audit_rows: Annotated[int, Meta(ge=0, le=100_000, description="rows an audit draws at random for labelling")] = 0
    audit_every: Annotated[Span, Meta(description="how often an audit is drawn")] = "1w"


class SloSpec(Section, frozen=True, kw_only=True):
    """What is promised of answers; each objective is the share of requests that keep it."""

    availability: Annotated[float, Meta(gt=0.5, lt=1.0, description="share of requests answered without error")] = 0.999
    latency_ms: Annotated[float, Meta(gt=0.0, le=600_000.0, description="a request slower than this is too slow")] = (
        250.0
    )
    latency: Annotated[float, Meta(gt=0.5, lt=1.0, description="share of requests that are quick enough")] = 0.99
    degraded: Annotated[float, Meta(gt=0.5, lt=1.0, description="share of requests answered by the model itself")] = (
        0.99
    )
    min_requests: Annotated[int, Meta(ge=1, description="windows with fewer requests raise no alert")] = 100


class MonitoringSpec(Section, frozen=True, kw_only=True):
    """What is watched once the model is live."""

    drift: DriftWatch = msgspec.field(default_factory=DriftWatch)
    decay: DecayWatch = msgspec.field(default_factory=DecayWatch)
    slo: SloSpec = msgspec.field(default_factory=SloSpec)
    metrics_url: Annotated[
        str | None, Meta(description="where the server shows its numbers, such as http://127.0.0.1:8080/metrics")
    ] = None


class AlertRule(Section, frozen=True, kw_only=True):
    about: Annotated[Subject, Meta(description="what raises it")]
    severity: Annotated[
        SeverityName | None,
        Meta(description="page wakes somebody, ticket waits for the morning; by its kind if unsaid"),
    ] = None
    enabled: bool = True


class NotifierSpec(Section, frozen=True, kw_only=True):
    """One way to tell somebody; secrets are named by environment variable, never written here."""

    type: Annotated[str, Meta(description="log, webhook, email, slack, command, or a plugin's name")]
    params: Annotated[dict[str, Any], Meta(description="the notifier's own parameters")] = {}


class RouteSpec(Section, frozen=True, kw_only=True):
    severity: Annotated[list[SeverityName], Meta(description="which alerts; empty for all")] = []
    to: Annotated[list[str], Meta(description="names of notifiers")] = []


class AlertsSpec(Section, frozen=True, kw_only=True):
    """Who is told what, and when."""

    rules: Annotated[list[AlertRule], Meta(description="what differs from the usual rules, one by one")] = []
    notifiers: Annotated[dict[Name, NotifierSpec], Meta(description="ways to tell somebody, by a name of yours")] = {}
    routes: Annotated[list[RouteSpec], Meta(description="alerts to notifiers; unsaid, every notifier gets all")] = []
    escalate_after: Annotated[Span | None, Meta(description="a page that nobody acknowledged goes further")] = "30m"
    escalate_to: Annotated[list[str], Meta(description="notifiers of the second line")] = []
    recovery: Annotated[bool, Meta(description="also tell when it is over")] = True
    attempts: Annotated[int, Meta(ge=1, le=100, description="how often a message is tried")] = 8
    timeout_s: Annotated[float, Meta(gt=0.0, le=60.0, description="what one notifier may take")] = 10.0


class RetrainingSpec(Section, frozen=True, kw_only=True):
    """When a challenger is trained, on what, and what becomes of it."""

    schedule: Annotated[str | None, Meta(description="cron in UTC such as '0 3 * * 1', or an interval such as 24h")] = (
        None
    )
    misfire: Annotated[
        Literal["once", "skip"],
        Meta(description="a time that passed while nobody watched: make up for it once, or not"),
    ] = "once"
    on_drift: bool = True
    on_decay: bool = True
    on_new_data: Annotated[bool, Meta(description="when the source's content has changed")] = False
    new_rows: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="after so many further predictions")] = None
    new_labels: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="after so many further labels")] = None
    cool_down: Annotated[Span, Meta(description="the least time between two of them, unless by hand")] = "6h"
    max_per_day: Annotated[int, Meta(ge=1, le=1_000)] = 4
    budget_s_per_day: Annotated[float, Meta(gt=0.0, description="seconds of training a day, unless by hand")] = 14_400.0
    logged_rows: Annotated[bool, Meta(description="learn from logged predictions that have labels too")] = False
    source_column: Annotated[
        str | None, Meta(description="the column that says where a row comes from; the log's rows count as one source")
    ] = None
    source_quota: Annotated[
        float, Meta(gt=0.0, le=1.0, description="most of the new rows that one source may give")
    ] = 0.5
    noise_jump: Annotated[
        float, Meta(gt=0.0, le=1.0, description="rise of the share of wrong labels above which new rows are held")
    ] = 0.03
    duplicate_share: Annotated[
        float, Meta(gt=0.0, le=1.0, description="share of new rows that repeat each other above which they are held")
    ] = 0.2
    recent_share: Annotated[
        float, Meta(gt=0.0, le=0.5, description="share of new rows kept aside to compare both models on")
    ] = 0.25
    bar: Annotated[
        Literal["better", "not_worse"], Meta(description="what the challenger has to show before it is promoted")
    ] = "better"
    frozen_loss: Annotated[
        float,
        Meta(ge=0.0, description="what it may lose on the frozen rows, in the metric's unit, if better on recent ones"),
    ] = 0.0
    strategy: Annotated[
        Literal["direct", "blue_green", "canary", "shadow", "hold"],
        Meta(description="how a challenger that passed goes live; hold leaves the last step to a person"),
    ] = "direct"
