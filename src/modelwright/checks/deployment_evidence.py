"""What a deployment review has measured of a model on the real serving plane. None: it was not measured."""

from __future__ import annotations

from dataclasses import dataclass

from modelwright.checks.evidence import ModelEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What the deployment has to keep; the defaults hold where nobody says otherwise."""

    p99_ms: float = 50.0
    memory_mb: float = 500.0
    load_s: float = 30.0
    drill_days: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    connections: int
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Golden rows asked over HTTP; `different` were answered otherwise than when the bundle was written."""

    scorer: str
    asked: int
    different: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """The model was made to fail; `by` names who answered in its place, empty where nobody did."""

    declared: tuple[str, ...]
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    reference: bool  # the bundle knows what training data looked like
    drift: bool
    decay: bool
    alerts: int  # rules or routes that are declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    ok: bool
    age_days: float
    pointer_s: float
    failed: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    keys: int  # live ones
    beyond_loopback: bool
    tls: bool
    limits: str  # in words


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    enabled: bool
    durability: str
    retention_days: int
    damaged: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    name: str
    version: int
    targets: Targets = Targets()
    latencies: tuple[Latency, ...] = ()
    size_bytes: int | None = None
    memory_bytes: float | None = None  # of one worker
    load_s: float | None = None
    parity: Parity | None = None
    fallback: Fallback | None = None
    monitoring: Monitoring | None = None
    drill: Drilled | None = None
    access: Access | None = None
    log: LogState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentEvidence(ModelEvidence):
    """For a deployment review; `deployment` is None where nothing was measured."""

    deployment: Deployment | None = None
