"""`modelwright stream` as it is typed: a queue in, a table out, a drain on SIGTERM, dead letters sent again."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelwright.core import plugins
from modelwright.records.ports import Message
from tests.contracts.stream_events import make_bundle
from tests.journeys.conftest import Said

pytestmark = pytest.mark.journey
Cli = Callable[..., Said]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("sums") / "bundle")


def _send(url: str, *rows: Any, start: int = 0) -> None:
    outlet = plugins.load("brokers", "sqlite" if url.startswith("sqlite") else "directory").outlet(url)
    outlet.send([Message(key=f"e{n}", body=msgspec.json.encode(row)) for n, row in enumerate(rows, start)])
    outlet.close()


def _answers(path: Path) -> list[dict[str, Any]]:
    connection = sqlite3.connect(path, timeout=30)
    try:
        rows = connection.execute("SELECT body FROM answers ORDER BY position").fetchall()
    except sqlite3.OperationalError:
        rows = []
    connection.close()
    return [json.loads(body) for (body,) in rows]


def test_events_in_answers_out_and_bad_ones_sent_again(bundle: Path, tmp_path: Path, cli: Cli) -> None:
    url = "sqlite:///events.sqlite#events"
    good, wrong, many = {"a": 2.0, "b": 1.0}, {"a": "x", "b": 1.0}, {"rows": [{"a": -2.0, "b": 0.0}] * 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        _send(url, good, wrong, many)
    arguments = ("--from", url, "--to", "sqlite:///out.sqlite#answers", "--dead-letter", f"dir://{tmp_path / 'dead'}")
    said = cli("stream", str(bundle), *arguments, "--once", "--log", "--json")
    assert said.code == 0, said.err
    assert {name: said.json[name] for name in ("model", "version", "answered", "rows", "dead_letters", "lag")} == {
        "model": "sums",
        "version": 0,
        "answered": 2,
        "rows": 3,
        "dead_letters": 1,
        "lag": 0,
    }
    one, two = _answers(tmp_path / "out.sqlite")
    assert (one["event_id"], one["prediction"], one["degraded"]) == ("e0", "yes", False)
    assert set(one["probabilities"]) == {"no", "yes"}
    assert (two["event_id"], two["predictions"]) == ("e2", ["no", "no"])

    again = cli("stream", str(bundle), *arguments, "--once", "--json")
    assert again.json["events"] == 0

    sent = cli("stream", "replay", "--dead-letter", f"dir://{tmp_path / 'dead'}", "--to", url, "--json")
    assert (sent.code, sent.json["sent"], sent.json["codes"]) == (0, 1, {"request.type": 1})
    third = cli("stream", str(bundle), *arguments, "--once", "--json")
    assert third.json["dead_letter_codes"] == {"request.type": 1}


def test_sigterm_finishes_what_is_in_hand_and_says_what_was_done(bundle: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'events.sqlite'}#events"
    _send(url, *({"a": float(n), "b": 0.0} for n in range(50)))
    command = [sys.executable, "-m", "modelwright", "stream", str(bundle), "--from", url, "--json"]
    command += ["--to", f"sqlite:///{tmp_path / 'out.sqlite'}#answers", "--workspace", str(tmp_path / "mw")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while time.monotonic() < until and len(_answers(tmp_path / "out.sqlite")) < 50:
        time.sleep(0.05)
    _send(url, *({"a": float(n), "b": 0.0} for n in range(10)), start=50)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    said = json.loads(out)
    assert said["answered"] == len(_answers(tmp_path / "out.sqlite")) >= 50
    assert "events/s" in err


def test_a_stream_that_strangers_could_read_is_refused(bundle: Path, cli: Cli) -> None:
    said = cli("stream", str(bundle), "--from", "nats://u:canary-5@10.9.9.9/S/s", "--to", "sqlite:///o.sqlite#a")
    assert said.code == 2
    assert "--allow-open" in said.err
    assert "canary" not in said.err + said.out
