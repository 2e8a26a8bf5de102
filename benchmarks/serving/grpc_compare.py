"""Calls a second and core: `modelwright serve --grpc-port` beside a bare grpc.aio servicer, in one run.

    python benchmarks/serving/grpc_compare.py [--seconds S] [--rounds N] [--json OUT]

The bare one is what a person writes by hand round the same model call: grpc.aio and uvloop, messages parsed by
protobuf, no validation, no keys, no log. Ours runs with all of it; the calls are the same to the byte. One row of 20
columns a call as raw tensors; the client is a process of its own. What counts is calls a second and core used
(processor time of the process that answers over wall time), since client and server share the machine; servers take
turns. Read ratios, never single figures.
Takes about a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
CONNECTIONS = (1, 16, 64)
CHANNELS = 4
METHOD = "/inference.GRPCInferenceService/ModelInfer"


# -------------------------------------------------------------------- the bare servicer


def bare(folder: Path) -> None:
    """Serve by hand; prints the port."""
    import uvloop

    uvloop.run(_bare(folder))


async def _bare(folder: Path) -> None:
    import grpc.aio

    from modelwright.interfaces.grpc.protocol import message
    from modelwright.serving import live

    served = live.load(folder, "bench", 1, probe=False)
    names = [field.name for field in served.signature.inputs]
    labels = [str(label).encode() for label in served.labels]
    response, score = message("ModelInferResponse"), served.scoring.score
    number = struct.Struct("<d").unpack

    async def infer(request: Any, _context: Any) -> Any:
        row = {}
        for one, raw in zip(request.inputs, request.raw_input_contents, strict=True):
            if one.datatype == "FP64":
                value = number(raw)[0]
                row[one.name] = None if value != value else value
            else:
                row[one.name] = raw[4:].decode()
        found = score([tuple(row[name] for name in names)])
        reply = response(model_name=request.model_name, model_version="1", id=request.id)
        label = labels[found.answers[0]]
        reply.outputs.add(name="prediction", datatype="BYTES", shape=[1])
        reply.raw_output_contents.append(len(label).to_bytes(4, "little") + label)
        shares = found.probabilities[0]
        reply.outputs.add(name="probabilities", datatype="FP64", shape=[1, len(shares)])
        reply.raw_output_contents.append(struct.pack(f"<{len(shares)}d", *shares))
        return reply

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        infer,
        request_deserializer=message("ModelInferRequest").FromString,
        response_serializer=response.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", {"ModelInfer": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


# -------------------------------------------------------------------- the client


def client(target: str, connections: int, seconds: float, work: Path, key: str) -> None:
    import uvloop

    requests = [bytes.fromhex(line) for line in (work / "requests.txt").read_text().split()]
    print(json.dumps(uvloop.run(_ask(target, connections, seconds, requests, key))), flush=True)


async def _ask(target: str, connections: int, seconds: float, requests: list[bytes], key: str) -> dict[str, Any]:
    """As many calls as go, `connections` at a time; begins to count after a warm-up, and says when."""
    import grpc.aio

    local = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(target, options=local) for _ in range(min(CHANNELS, connections))]
    calls = [channel.unary_unary(METHOD) for channel in channels]
    metadata = (("authorization", f"Bearer {key}"),) if key else None
    times: list[float] = []
    ends = time.monotonic() + 1.0

    async def one(number: int) -> None:
        call, at = calls[number % len(calls)], number
        while time.monotonic() < ends:
            started = time.perf_counter()
            await call(requests[at % len(requests)], metadata=metadata)
            times.append(time.perf_counter() - started)
            at += 1

    await asyncio.gather(*(one(number) for number in range(connections)))
    print("warm", flush=True)
    times.clear()
    started = time.monotonic()
    ends = started + seconds
    await asyncio.gather(*(one(number) for number in range(connections)))
    took = time.monotonic() - started
    for channel in channels:
        await channel.close()
    times.sort()
    return {"calls": len(times), "seconds": took, "p50_ms": times[len(times) // 2] * 1e3,
            "p99_ms": times[int(len(times) * 0.99)] * 1e3}  # fmt: skip


# -------------------------------------------------------------------- the comparison


def prepare(work: Path) -> Path:
    """The bundle, and one request a row."""
    import inprocess

    from modelwright.interfaces.grpc.protocol import message
    from modelwright.registry import bundle

    frame, y = inprocess._table()
    bundle.write(work / "bundle", inprocess._contents(inprocess._trained(frame, y), frame))
    lines = []
    for row in frame.head(200).to_dicts():
        request = message("ModelInferRequest")(model_name="bench")
        for name, value in row.items():
            text = isinstance(value, str)
            request.inputs.add(name=name, datatype="BYTES" if text else "FP64", shape=[1])
            said = value.encode() if text else b""
            request.raw_input_contents.append(
                len(said).to_bytes(4, "little") + said if text else struct.pack("<d", value)
            )
        lines.append(request.SerializeToString().hex())
    (work / "requests.txt").write_text("\n".join(lines))
    return work / "bundle"


def start_ours(work: Path, folder: Path) -> tuple[subprocess.Popen[str], str, str, int]:
    program = str(Path(sys.executable).with_name("modelwright"))
    space = ["--workspace", str(work / ".modelwright")]
    made = subprocess.run(
        [program, "keys", "create", "bench", "--scope", "predict", "--json", *space], check=True, capture_output=True
    )
    serve = [program, "serve", str(folder), "--port", "0", "--grpc-port", "0", "--json", *space]
    process = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, cwd=work)
    facts = json.loads(process.stdout.readline())  # type: ignore[union-attr]
    answering = next(
        child.pid
        for child in psutil.Process(process.pid).children(recursive=True)
        if any("cygrpc" in one.path for one in child.memory_maps())
    )
    return process, facts["grpc"], json.loads(made.stdout)["key"], answering


def start_bare(folder: Path) -> tuple[subprocess.Popen[str], str, str, int]:
    process = subprocess.Popen([sys.executable, __file__, "--bare", str(folder)], stdout=subprocess.PIPE, text=True)
    return process, f"127.0.0.1:{process.stdout.readline().strip()}", "", process.pid  # type: ignore[union-attr]


def measure(target: str, key: str, pid: int, connections: int, seconds: float, work: Path) -> dict[str, float]:
    asking = subprocess.Popen(
        [sys.executable, __file__, "--client", target, str(connections), str(seconds), str(work), key],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert asking.stdout is not None
    assert asking.stdout.readline().strip() == "warm"
    before = sum(psutil.Process(pid).cpu_times()[:2])
    found = json.loads(asking.stdout.readline())
    used = sum(psutil.Process(pid).cpu_times()[:2]) - before
    asking.wait()
    return {
        "per_s": found["calls"] / found["seconds"], "per_core": found["calls"] / used,
        "us": used / found["calls"] * 1e6, "p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--client", nargs=5, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.bare:
        bare(asked.bare)
    elif asked.client:
        target, connections, seconds, work, key = asked.client
        client(target, int(connections), float(seconds), Path(work), key)
    else:
        compare(asked.seconds, asked.rounds, asked.json)


def compare(seconds: float, rounds: int, out: str | None) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        made = prepare(work)
        servers = {"bare": start_bare(made), "ours": start_ours(work, made)}
        try:
            for _ in range(rounds):
                for connections in CONNECTIONS:
                    for name, (_process, target, _key, pid) in servers.items():
                        one = measure(target, servers["ours"][2], pid, connections, seconds, work)
                        found.setdefault((name, connections), []).append(one)
        finally:
            for process, *_ in servers.values():
                process.terminate()
                process.wait(30)
    shown = {key: {name: statistics.median(one[name] for one in of) for name in of[0]} for key, of in found.items()}
    print(f"{'c':>3} {'server':6} {'calls/s':>8} {'per core':>9} {'us/call':>8} {'p50 ms':>7} {'p99 ms':>7}   ratio")
    for connections in CONNECTIONS:
        least = shown["bare", connections]
        for name in ("bare", "ours"):
            one = shown[name, connections]
            print(
                f"{connections:3} {name:6} {one['per_s']:8.0f} {one['per_core']:9.0f} {one['us']:8.0f} "
                f"{one['p50_ms']:7.2f} {one['p99_ms']:7.2f}   {one['per_core'] / least['per_core']:.2f}"
            )
    if out:
        Path(out).write_text(json.dumps([{"server": n, "connections": c, **of} for (n, c), of in shown.items()]))


if __name__ == "__main__":
    main()
