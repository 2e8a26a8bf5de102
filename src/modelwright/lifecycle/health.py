"""Health of a live model: what its server counts and what its prediction log holds.

Totals that a server shows at /metrics begin at 0 with it, so `watch` keeps a line of them per round in
`health/<model>.jsonl`; from these lines come the burn rates of hours and days.
"""

from __future__ import annotations

import math
import os
import re
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import AdapterError
from modelwright.lifecycle.workspace import Workspace, write_atomically
from modelwright.monitoring.slo import KEPT_S, Sample
from modelwright.spec.monitoring import SloSpec

_LINE = re.compile(r"^modelwright_([a-zA-Z0-9_]+?)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"')
_BYTES = 8 << 20
_LINES = 20_000  # of a file, before the old ones go

Metrics = dict[str, list[tuple[Mapping[str, str], float]]]


def fetch(url: str, timeout_s: float = 5.0) -> Metrics:
    """The server's own numbers. Raises AdapterError (`health.metrics`)."""
    try:
        if not url.startswith(("http://", "https://")):
            raise ValueError("it has to begin with http:// or https://")
        with urllib.request.urlopen(url, timeout=timeout_s) as reply:  # noqa: S310 - judged one line above
            text = reply.read(_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise AdapterError(
            f"The numbers at {url} cannot be read: {error}.",
            code="health.metrics",
            hint="is the server up? monitoring.metrics_url or --metrics says where it shows them",
            subject="monitoring.metrics_url",
            retryable=True,
        ) from error
    return parse(text)


def parse(text: str) -> Metrics:
    """Prometheus' text format as our server writes it."""
    found: Metrics = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is not None:
            labels = {name: value.replace('\\"', '"') for name, value in _LABEL.findall(match[2] or "")}
            found.setdefault(match[1].removesuffix("_total"), []).append((labels, float(match[3])))
    return found


def sample_of(metrics: Metrics, name: str, spec: SloSpec, at: datetime) -> Sample:
    """Totals of one model; a limit between two buckets counts as the next lower one. Where a server does not tell
    this model's latencies apart, `slow` is its part of those of all models."""
    own = [(labels, value) for labels, value in metrics.get("http_requests", []) if labels.get("model") == name]
    own += [(labels, value) for labels, value in metrics.get("grpc_requests", []) if labels.get("model") == name]
    requests = sum(value for _, value in own)
    errors = sum(value for labels, value in own if labels.get("status", "").startswith("5"))
    errors += _shed(metrics, requests)
    slow = _slow_share(metrics, name, spec.latency_ms / 1e3)
    degraded = sum(value for labels, value in metrics.get("degraded", []) if labels.get("model") == name)
    return Sample(
        at_s=at.timestamp(), requests=requests, errors=min(errors, requests), slow=slow * requests,
        degraded=min(degraded, requests),
    )  # fmt: skip


def _shed(metrics: Metrics, requests: float) -> float:
    """Requests that a server turned away; where it serves several models, by this one's share."""
    every = sum(value for _, value in metrics.get("http_requests", []))
    shed = sum(value for _, value in metrics.get("shed", []))
    answered_503 = sum(value for labels, value in metrics.get("http_requests", []) if labels.get("status") == "503")
    return max(0.0, shed - answered_503) * (requests / every if every else 0.0)


def _buckets(metrics: Metrics, name: str) -> list[tuple[float, float]]:
    own = [
        (labels, value)
        for labels, value in metrics.get("model_request_duration_seconds_bucket", [])
        if labels.get("model") == name
    ]
    return sorted(
        (float(labels["le"]), value) for labels, value in own or metrics.get("request_duration_seconds_bucket", [])
    )


def _slow_share(metrics: Metrics, name: str, limit_s: float) -> float:
    buckets = _buckets(metrics, name)
    if not buckets or buckets[-1][1] == 0:
        return 0.0
    quick = max((count for edge, count in buckets if edge <= limit_s * (1 + 1e-9)), default=0.0)
    return 1.0 - quick / buckets[-1][1]


def quantile_ms(metrics: Metrics, name: str, share: float) -> float | None:
    """By linear interpolation within a bucket, as Prometheus does; the last finite edge where it lies above all."""
    buckets = _buckets(metrics, name)
    if not buckets or buckets[-1][1] == 0:
        return None
    rank, low, below = share * buckets[-1][1], 0.0, 0.0
    for edge, count in buckets:
        if count >= rank:
            if math.isinf(edge):
                return 1e3 * low
            return 1e3 * (low + (edge - low) * (rank - below) / max(count - below, 1e-12))
        low, below = edge, count
    return None


def of_server(metrics: Metrics, name: str) -> dict[str, Any]:
    """What the counters say, as `health` shows it."""
    gauges = {key: [value for _, value in metrics.get(key, [])] for key in ("memory_bytes", "load_seconds")}
    return {
        "latency_ms": {f"p{int(share * 100)}": quantile_ms(metrics, name, share) for share in (0.5, 0.95, 0.99)},
        "memory_bytes": max(gauges["memory_bytes"], default=None),
        "load_s": max(gauges["load_seconds"], default=None),
        "workers": _one(metrics, "workers"),
        "queued": _one(metrics, "queued"),
        "in_flight": _one(metrics, "in_flight"),
        "log_failures": _one(metrics, "log_failures"),
        "worker_restarts": _one(metrics, "worker_restarts"),
        "failed": sum(value for labels, value in metrics.get("failed", []) if labels.get("model") == name),
    }


def _one(metrics: Metrics, name: str) -> float:
    return sum(value for _, value in metrics.get(name, []))


# ---------------------------------------------------------------- the log


def of_log(workspace: Path, name: str, now: datetime, window_s: float) -> dict[str, Any]:
    """Requests of the last `window_s`. What failed without an answer is not in the log."""
    import polars as pl

    from modelwright.lifecycle.prediction_log import read

    since = now - timedelta(seconds=window_s)
    rows = read(workspace, name, since, verify=False).group_by("request_id").agg(
        pl.col("latency_us").max(), pl.col("degraded").any(), pl.len().alias("rows")
    ).collect()  # fmt: skip
    latency = rows["latency_us"].cast(pl.Float64)
    return {
        "window_s": window_s,
        "requests": rows.height,
        "rows": int(rows["rows"].sum()),
        "requests_per_s": rows.height / window_s,
        "degraded_share": float(rows["degraded"].mean() or 0.0) if rows.height else None,  # type: ignore[arg-type]
        "latency_ms": {
            f"p{int(100 * share)}": None if not rows.height else float(latency.quantile(share) or 0.0) / 1e3
            for share in (0.5, 0.95, 0.99)
        },
    }


# ---------------------------------------------------------------- samples over time


def keep(workspace: Workspace, name: str, sample: Sample) -> None:
    """Add a line. A line that a crash cut off is passed over by whoever reads."""
    file = _file(workspace, name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            os.write(handle, b"\n" + msgspec.json.encode(sample))
        finally:
            os.close(handle)
    except OSError as error:
        raise AdapterError(f"The sample could not be kept: {error.strerror or error}.", code="health.unwritable",
                           hint="check free disk space and permissions", subject=f"file:{file.name}",
                           retryable=True) from error  # fmt: skip


def samples(workspace: Workspace, name: str, now: datetime) -> list[Sample]:
    """Those of the last three days and the one before, in order of time."""
    file = _file(workspace, name)
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError:
        return []
    found = sorted(_readable(lines), key=lambda sample: sample.at_s)
    oldest = now.timestamp() - 1.1 * KEPT_S
    kept = [sample for sample in found if oldest <= sample.at_s <= now.timestamp()]
    if len(lines) > _LINES and len(kept) < len(lines) // 2:
        write_atomically(file, b"\n".join(msgspec.json.encode(sample) for sample in kept))
    return kept


def _readable(lines: Sequence[bytes]) -> list[Sample]:
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=Sample))
        except msgspec.DecodeError:
            continue
    return found


def _file(workspace: Workspace, name: str) -> Path:
    return workspace.root / "health" / f"{name}.jsonl"


def report(workspace: Workspace, name: str, spec: Any, metrics_url: str | None, now: datetime) -> dict[str, Any]:
    """Everything `modelwright health` says. A server that does not answer is a fact, not an error."""
    from modelwright.monitoring import slo

    server, problem, live = None, "", []
    if metrics_url is not None:
        try:
            metrics = fetch(metrics_url)
            server, live = of_server(metrics, name), [sample_of(metrics, name, spec.slo, now)]
        except AdapterError as error:
            problem = error.message
    known = [*samples(workspace, name, now), *live]
    burns = slo.judge(known, spec.slo, now.timestamp())
    return {
        "model": name,
        "server": server,
        "server_problem": problem,
        "log": of_log(workspace.root, name, now, 3_600.0),
        "slo": [msgspec.to_builtins(each) for each in burns],
        "burning": any(each.burning for each in burns),
        "samples": len(known),
    }
