"""Requests a second, waiting times, start and memory: `modelwright serve` beside its peers in one run.

    python benchmarks/serving/peers/make_env.py ENVS
    python benchmarks/serving/compare.py --envs ENVS --work FOLDER [--servers ours fastapi ...] [--json OUT]

Needs `wrk`. Same rows, same machine. Each server runs alone, with one worker, asked by one wrk thread; what counts
is requests a second and core used (processor time of the server's processes over wall time), since both share two
cores. Ours runs with all it has: validation, keys, metrics, routing and the prediction log. Read ratios, never single
figures.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import table  # noqa: E402


@dataclass(frozen=True)
class Server:
    name: str
    env: str
    command: tuple[str, ...]  # {python}, {data}, {port}
    path: str = "/predict"
    key: str = ""


PEERS = {
    "fastapi": Server("fastapi", "fastapi", ("{python}", f"{HERE}/peers/fastapi_joblib.py", "{data}", "{port}")),
    "fastapi-onnx": Server(
        "fastapi-onnx", "fastapi", ("{python}", f"{HERE}/peers/fastapi_onnx.py", "{data}", "{port}")
    ),
    "litserve": Server("litserve", "litserve", ("{python}", f"{HERE}/peers/litserve_batch.py", "{data}", "{port}")),
    "bentoml": Server("bentoml", "bentoml", ("{python}", f"{HERE}/peers/bentoml_batch.py", "{data}", "{port}")),
}
PIPELINE = """\
data:
  source: {data}/train.csv
features:
  target: bought
model:
  type: lightgbm
  name: shop
  ensemble: none
  calibrate: false
  params: {{n_estimators: 200, num_leaves: 31, learning_rate: 0.05}}
training: {{budget_s: 60, early_stopping: false, proof_share: 0.0}}
"""
#: connections and rows of each measurement
CELLS = ((1, 1), (16, 1), (64, 1), (1, 100), (16, 100))


def prepare(work: Path, envs: Path) -> Path:
    """The table, the peers' model and ours; made once."""
    data = work / "data"
    if not (data / "asked.json").exists():
        table.write(data)
    for env in ("litserve", "bentoml", "fastapi"):
        made = data / env
        if (envs / env).exists() and not (made / "pipeline.joblib").exists():
            made.mkdir(exist_ok=True)
            shutil.copy(data / "train.csv", made)
            more = ["--onnx"] if env == "fastapi" else []
            subprocess.run([envs / env / "bin" / "python", HERE / "peers" / "fit.py", made, *more], check=True)
    pipeline = work / "pipeline.yaml"
    if not pipeline.exists():
        pipeline.write_text(PIPELINE.format(data=data))
    if not (work / ".modelwright" / "runs").exists():
        done = subprocess.run([ours("modelwright"), "run", pipeline, "--json"], capture_output=True, text=True)
        if done.returncode not in (0, 3):
            raise SystemExit(done.stderr + done.stdout)
    return data


def ours(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def our_server(work: Path, workers: int) -> Server:
    """With a key, although loopback needs none: the check is part of what is measured."""
    command = (ours("modelwright"), "--workspace", str(work / ".modelwright"))
    made = subprocess.run(
        [command[0], "keys", "create", f"bench-{os.getpid()}-{workers}", "--scope", "predict", "--json", *command[1:]],
        capture_output=True,
        text=True,
        check=True,
    )
    key = json.loads(made.stdout)["key"]
    serve = (command[0], "serve", "shop", "--port", "{port}", "--workers", str(workers), *command[1:])
    return Server("ours" if workers == 1 else f"ours x{workers}", "", serve, "/v1/models/shop/predict", key)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def bodies(server: Server, data: Path) -> dict[int, bytes]:
    asked = json.loads((data / "asked.json").read_text())
    return {n: json.dumps({"rows": asked[:n]}).encode() for n in (1, 100)}


@contextmanager
def running(server: Server, data: Path, envs: Path, body: bytes) -> Iterator[tuple[psutil.Process, str, float]]:
    port = free_port()
    folder = data / server.env if server.env else data
    values = {"python": str(envs / server.env / "bin" / "python"), "data": str(folder), "port": str(port)}
    command = [part.format(**values) for part in server.command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}{server.path}"
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                ask(url, body, server.key)
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{server.name} did not start: {' '.join(command)}") from None
                time.sleep(0.005)
        yield psutil.Process(process.pid), url, time.perf_counter() - started
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def ask(url: str, body: bytes, key: str) -> bytes:
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as reply:
        return bytes(reply.read())


def tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def cpu_s(process: psutil.Process) -> float:
    total = 0.0
    for each in tree(process):
        try:
            times = each.cpu_times()
            total += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total


def memory_mb(process: psutil.Process) -> dict[str, float]:
    rss, pss = [], 0.0
    for each in tree(process):
        try:
            full = each.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        rss.append(full.rss / 1e6)
        pss += full.pss / 1e6
    return {"rss_worker": worker_mb(process), "rss_largest": round(max(rss), 1), "pss_all": round(pss, 1)}


def worker_mb(process: psutil.Process) -> float:
    """Resident memory of the process that answers: of all, the one that has worked most."""
    worked: list[tuple[float, float]] = []
    for each in tree(process):
        try:
            times = each.cpu_times()
            listens = bool(each.net_connections("tcp"))
            worked.append((listens * 1e6 + times.user + times.system, each.memory_info().rss / 1e6))
        except psutil.NoSuchProcess:
            continue
    return round(max(worked)[1], 1)


_LUA = """wrk.method="POST"
wrk.body=io.open("{body}","rb"):read("*a")
wrk.headers["Content-Type"]="application/json"
{key}"""


def load(url: str, body: bytes, key: str, connections: int, seconds: float, work: Path) -> dict[str, Any]:
    """One wrk run: requests a second, percentiles in milliseconds, failures."""
    (work / "body").write_bytes(body)
    auth = f'wrk.headers["Authorization"]="Bearer {key}"\n' if key else ""
    (work / "ask.lua").write_text(_LUA.format(body=work / "body", key=auth))
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(work / "ask.lua"), url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])  # type: ignore[index]
    found = {f"p{p}_ms": _ms(re.search(rf"{p}%\s+([\d.]+)(us|ms|s)", done)) for p in (50, 99)}
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", done)
    return {"per_s": rate, **found, "failed": int(failed[1]) if failed else 0}


def _ms(found: re.Match[str] | None) -> float:
    if found is None:
        return float("nan")
    return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found[2]]


def measure(server: Server, data: Path, envs: Path, seconds: float, work: Path) -> dict[str, Any]:
    body = bodies(server, data)
    with running(server, data, envs, body[1]) as (process, url, start_s):
        time.sleep(1.0)
        result: dict[str, Any] = {"start_s": round(start_s, 2), "idle": memory_mb(process), "cells": {}}
        load(url, body[1], server.key, 8, 1, work)
        for connections, rows in CELLS:
            before, wall = cpu_s(process), time.perf_counter()
            found = load(url, body[rows], server.key, connections, seconds, work)
            cores = (cpu_s(process) - before) / (time.perf_counter() - wall)
            found |= {"cores": round(cores, 2), "per_s_core": round(found["per_s"] / max(cores, 0.05), 1)}
            result["cells"][f"{rows} rows, {connections}"] = found
        result["loaded"] = memory_mb(process)
    return result


def show(results: dict[str, Any]) -> None:
    """Markdown; `x` is requests a second and core of ours over those of each other server, in the same run."""
    mine = next((result for name, result in results.items() if name.startswith("ours")), None)
    print("| server | rows, connections | req/s | req/s/core | ours x | p50 ms | p99 ms | cores | failed |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, result in results.items():
        for cell, one in result["cells"].items():
            times = "" if mine is None else f"{mine['cells'][cell]['per_s_core'] / max(one['per_s_core'], 1e-9):.1f}"
            print(
                f"| {name} | {cell} | {one['per_s']:.0f} | {one['per_s_core']:.0f} | {times} | {one['p50_ms']:.2f} | "
                f"{one['p99_ms']:.2f} | {one['cores']:.2f} | {one['failed']} |"
            )
    print("\n| server | start s | worker RSS MB idle / loaded | largest RSS MB | PSS MB of all, loaded |")
    print("|---|---|---|---|---|")
    for name, result in results.items():
        idle, full = result["idle"], result["loaded"]
        print(
            f"| {name} | {result['start_s']} | {idle['rss_worker']} / {full['rss_worker']} | {full['rss_largest']} | "
            f"{full['pss_all']} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envs", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--servers", nargs="+", default=["ours", *PEERS])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    work = asked.work.absolute()
    data = prepare(work, asked.envs.absolute())
    results = {}
    for name in asked.servers:
        server = our_server(work, int(name[4:] or 1)) if name.startswith("ours") else PEERS[name]
        results[server.name] = measure(server, data, asked.envs.absolute(), int(asked.seconds), work)
    show(results)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
