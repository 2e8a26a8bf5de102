"""Constants of last resort, from what is said or from what the model itself answers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from modelwright.core.nouns import Task
from modelwright.lifecycle.stages import package
from modelwright.registry import bundle
from modelwright.serving import live
from modelwright.serving.asking import Answer, Ask, Refused
from modelwright.serving.fallback import Chain, constant_of
from modelwright.serving.plane import Plane
from modelwright.spec.serving import ServingSpec
from tests.unit.registry import bundle_parts as parts

ROW = {"number": 0.4, "skewed": 1.5, "serial": 1e9, "kind": "red", "label": "a", "flag": True,
       "when": "2024-02-01T05:00:00"}  # fmt: skip


def _served(folder: Path, task: Task) -> live.Served:
    table = parts.mixed(task, 300)
    bundle.write(folder, parts.contents(parts.model(table), table, choose="compiled"))
    return live.load(folder, "demo", 1, probe=False)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_the_constant_is_an_answer_within_the_contract(tmp_path: Path, task: Task) -> None:
    served = _served(tmp_path / "bundle", task)
    value, shares = constant_of(served, None)
    if task is Task.REGRESSION:
        assert shares is None
        assert math.isfinite(value)
        assert constant_of(served, 7.5) == (7.5, None)
        return
    assert shares is not None
    assert sum(shares) == pytest.approx(1.0)
    assert shares[value] == max(shares)
    last = served.signature.classes[-1]
    assert constant_of(served, last)[0] == len(served.signature.classes) - 1


def test_the_constant_is_the_targets_own(tmp_path: Path) -> None:
    """Not what the model says on average, which may be what is wrong with it."""
    shares = {"no": 0.9, "yes": 0.1}
    for task, y, said, wanted in (
        (Task.BINARY, np.repeat([0, 1], [9, 1]), shares, (0, [0.9, 0.1])),
        (Task.REGRESSION, np.array([1.0, 42.5, 1e9]), {"median": 42.5}, (42.5, None)),
    ):
        table = parts.mixed(task, 300)
        folder = tmp_path / task.value
        prior = package.prior(y, table.signature)
        assert prior == said
        bundle.write(folder, parts.contents(parts.model(table), table, choose="compiled", prior=prior))
        served = live.load(folder, "demo", 1, probe=False)
        assert constant_of(served, None) == wanted
    assert constant_of(live.load(tmp_path / "binary", "demo", 1, probe=False), "yes") == (1, [0.0, 1.0])


def test_a_request_whose_time_is_over_is_not_passed_on(tmp_path: Path) -> None:
    served = _served(tmp_path / "bundle", Task.BINARY)
    plane, counted = Plane(), list[tuple[str, tuple[str, ...]]]()
    plane.put(served)
    chain = Chain(
        plane, lambda _name: None, lambda _name: ServingSpec(), soon=lambda call: call(),
        count=lambda name, labels: counted.append((name, labels)), clock=lambda: 100.0,
    )  # fmt: skip
    assert plane.on_success is None, "in good times nothing is asked of the chain"
    assert plane.admits is None
    on_failure = plane.on_failure
    assert on_failure is not None
    with pytest.raises(Refused) as refused:
        on_failure(served, Ask(model="demo", rows=[ROW], deadline=99.0), ValueError("x"))
    assert refused.value.code == "request.deadline"
    answer = on_failure(served, Ask(model="demo", rows=[ROW], deadline=101.0), ValueError("x"))
    assert isinstance(answer, Answer)
    assert (answer.degraded, answer.route) == (True, "fallback")
    assert json.loads(answer.body)["degraded_reason"] == "constant answers in place of the model: it failed"
    assert ("degraded", ("demo", "constant")) in counted
    assert plane.admits is not None
    plane.answer(Ask(model="demo", rows=[ROW]))
    assert plane.admits is None, "a success with every circuit closed ends it"
    assert chain.breaker(served).closed
