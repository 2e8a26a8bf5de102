"""The deployment review: measured on a real server, conditions that name what is missing, a verdict that clears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.clock import SystemClock
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import keys
from tests.journeys import serving_parts as parts

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
#: no measured time or memory decides these tests: the machine may be slow
GENEROUS = ("--p99-ms", "60000", "--memory-mb", "100000", "--load-s", "600")
PIPELINE = """data:
  source: rows.csv
features:
  target: bought
monitoring:
  drift:
    window: 1d
alerts:
  notifiers:
    mine:
      type: log
"""


def test_what_is_missing_is_a_condition_and_what_is_there_clears_it(tmp_path: Path, cli: Callable[..., Any]) -> None:
    space = parts.workspace(tmp_path, 2)
    said = cli("review", "deployment", "demo", *GENEROUS, "--workspace", str(space), "--json")
    assert said.code == 0, said.out
    first = said.json
    assert (first["verdict"], first["version"], first["kind"]) == ("CONDITIONAL", 1, "deployment")
    codes = {finding["code"] for finding in first["findings"] if not finding["undecided"]}
    assert codes == {"deployment.drill", "deployment.keys", "deployment.monitoring"}
    measured = first["measured"]
    assert [one["connections"] for one in measured["latencies"]] == [1, 16]
    assert all(one["failed"] == 0 and one["p99_ms"] >= one["p50_ms"] > 0 for one in measured["latencies"])
    assert measured["memory_bytes"] > 1e6
    assert measured["load_s"] > 0
    assert (measured["parity"]["different"], measured["fallback"]["by"]) == (0, "constant")
    answers = {item["question"]: item["answer"] for item in first["checklist"]}
    assert answers["Was the fallback tried?"] == answers["Does the served model answer as the trained one?"] == "yes"
    assert answers["Was going back rehearsed?"] == "no"

    keys.create(Workspace(space).journal(), "caller", scopes=("predict",), now=SystemClock().now())
    (space / "runs/run-1/pipeline.yaml").write_text(PIPELINE)
    assert cli("drill", "demo", "--pointer-only", "--workspace", str(space), "--json").json["ok"] in (True, False)
    second = cli("review", "deployment", "demo", *GENEROUS, "--workspace", str(space), "--json").json
    left = {finding["code"] for finding in second["findings"] if not finding["undecided"]}
    assert left <= {"deployment.drill"}, "a slow machine may fail its drill, nothing else"
    assert second["verdict"] == ("APPROVE" if not left else "CONDITIONAL")
    strict = cli("review", "deployment", "demo", "--p99-ms", "0.001", "--memory-mb", "1", "--public",
                 "--workspace", str(space), "--json").json  # fmt: skip
    assert {"deployment.p99", "deployment.memory", "deployment.tls"} <= {one["code"] for one in strict["findings"]}
    unknown = cli("review", "deployment", "nobody", "--workspace", str(space), "--json").json
    assert unknown["error"]["code"] == "model.unknown"
