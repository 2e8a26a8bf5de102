"""What is left of the good answers when clients hammer: open-loop load at multiples of the capacity.

    python benchmarks/serving/overload.py --work FOLDER [--times 1 5 10] [--rows 1 100] [--json OUT]

FOLDER is that of `compare.py`. Requests are sent when they are due, whether or not earlier ones were answered, over
connections that each carry one at a time and ask again at once when refused, whatever Retry-After says; a request
that finds no free connection is counted as not sent. Goodput is answers within the deadline, by processor second of
the server too, since the sender shares its cores. Read the share of the peak, and the waiting times of refusals.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import uvloop

sys.path.insert(0, str(Path(__file__).parent))
import compare

_DEADLINE_S = 1.0
_CONNECTIONS = 1_500


@dataclass
class Tally:
    good: int = 0
    late: int = 0
    refused: int = 0
    other: int = 0
    unsent: int = 0
    waits: list[float] = field(default_factory=list)  # of refusals, seconds


class Client(asyncio.Protocol):
    """One connection; reads only the status and the length of a reply."""

    def __init__(self, content: bytes, free: list[Client], tally: list[Tally]) -> None:
        self.content, self.free, self.tally = content, free, tally
        self.sent, self.got, self.left = 0.0, b"", -1

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.free.append(self)

    def ask(self) -> None:
        self.sent, self.got = time.perf_counter(), b""
        self.transport.write(self.content)

    def data_received(self, data: bytes) -> None:
        self.got += data
        head, mark, body = self.got.partition(b"\r\n\r\n")
        if not mark:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        if len(body) < length:
            return
        wait, tally = time.perf_counter() - self.sent, self.tally[0]
        status = head[9:12]
        if status == b"200":
            tally.good += wait <= _DEADLINE_S
            tally.late += wait > _DEADLINE_S
        elif status == b"503":
            tally.refused += 1
            tally.waits.append(wait)
        else:
            tally.other += 1
        self.free.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.tally[0].other += 1


async def loaded(url: str, body: bytes, key: str, rates: list[float], seconds: float) -> list[Tally]:
    """One tally for each rate, one after the other; the first connections of all are kept."""
    port = int(url.split(":")[2].partition("/")[0])
    path = "/" + url.split("/", 3)[3]
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    head += (
        f"Authorization: Bearer {key}\r\nX-Deadline-Ms: {int(_DEADLINE_S * 1e3)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    free: list[Client] = []
    tally = [Tally()]
    loop = asyncio.get_running_loop()
    for _ in range(_CONNECTIONS):
        await loop.create_connection(lambda: Client(head.encode() + body, free, tally), "127.0.0.1", port)
    found = []
    for rate in rates:
        tally[0] = Tally()
        begun, sent = time.perf_counter(), 0
        while (now := time.perf_counter() - begun) < seconds:
            due = int(now * rate)
            while sent < due:
                sent += 1
                if free:
                    free.pop(0).ask()
                else:
                    tally[0].unsent += 1
            await asyncio.sleep(0.001)
        found.append(tally[0])
        tally[0] = Tally()
        await asyncio.sleep(2 * _DEADLINE_S)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--envs", type=Path, default=Path())
    parser.add_argument("--times", nargs="+", type=float, default=[0.8, 1, 5, 10])
    parser.add_argument("--rows", nargs="+", type=int, default=[100, 1])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    work = asked.work.absolute()
    data = compare.prepare(work, asked.envs.absolute())
    results: dict[str, Any] = {}
    names = ("rows", "times capacity", "offered/s", "good/s", "share of peak", "good per CPU s", "refused/s")
    print("|", " | ".join((*names, "refusal p50 / p99 ms", "RSS MB")), "|")
    print("|---|---|---|---|---|---|---|---|---|")
    server = compare.our_server(work, 1)
    for rows in asked.rows:
        body = compare.bodies(server, data)[rows]
        with compare.running(server, data, asked.envs, body) as (process, url, _):
            capacity = compare.load(url, body, server.key, 16, 2, work)["per_s"]
            results[str(rows)] = _measured(process, url, body, server.key, capacity, asked, rows)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))


def _measured(
    process: psutil.Process, url: str, body: bytes, key: str, capacity: float, asked: Any, rows: int
) -> list[dict[str, float]]:
    found: list[dict[str, float]] = []
    peak = 0.0
    for times in asked.times:
        before = compare.cpu_s(process)
        (tally,) = uvloop.run(loaded(url, body, key, [times * capacity], asked.seconds))
        spent = compare.cpu_s(process) - before
        good = tally.good / asked.seconds
        peak = max(peak, good)
        waits = sorted(tally.waits) or [0.0]
        one = {
            "times": times, "offered": times * capacity, "good": good, "share": good / peak,
            "per_cpu_s": tally.good / max(spent, 0.01), "late": tally.late, "other": tally.other,
            "refused": tally.refused / asked.seconds, "unsent": tally.unsent / asked.seconds,
            "p50_ms": waits[len(waits) // 2] * 1e3, "p99_ms": waits[int(len(waits) * 0.99)] * 1e3,
            "rss_mb": compare.worker_mb(process),
        }  # fmt: skip
        found.append(one)
        print(
            f"| {rows} | {times:g} | {one['offered']:.0f} | {good:.0f} | {one['share']:.0%} | {one['per_cpu_s']:.0f} | "
            f"{one['refused']:.0f} | {one['p50_ms']:.1f} / {one['p99_ms']:.1f} | {one['rss_mb']:.0f} |",
            flush=True,
        )
    return found


if __name__ == "__main__":
    main()
