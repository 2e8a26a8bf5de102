"""Every place of the pipeline file that takes a function of the user's own, through the whole pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.journeys.conftest import Said

OWN = """
from pathlib import Path

import numpy as np
import polars as pl

import helper


def customers():
    return pl.read_csv(Path(__file__).with_name("customers.csv"))


def tidy(frame):
    return frame.with_columns(rate=pl.col("amount").cast(pl.Float64) / (1 + pl.col("visits").cast(pl.Float64)))


def halves(frame, seed):
    order = np.random.default_rng(seed).permutation(frame.height)
    first, second = int(frame.height * 0.7), int(frame.height * 0.85)
    return {"train": order[:first], "val": order[first:second], "test": order[second:]}


def extra(frame):
    return frame.select(twice=pl.col("amount") * helper.TWO)


def broken(frame):
    return frame.select(twice=pl.col("amount") * helper.THREE)


def profit(y, p):
    return float(np.mean(np.where(p == 1, np.where(y == 1, 5.0, -1.0), 0.0)))
"""
FAMILY = """
import numpy as np

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.tables import State


class Params(ports.Params, frozen=True, kw_only=True):
    shrink: float = 1.0


class Fitted:
    def __init__(self, w):
        self.w = w

    def predict(self, X):
        p = 1 / (1 + np.exp(-(X @ self.w[:-1]) - self.w[-1]))
        return np.stack([1 - p, p], axis=1)

    def state(self):
        return State(arrays={"w": self.w})


class Family:
    Params = Params
    tasks = frozenset({Task.BINARY})
    needs = ports.Needs(scaled=True, imputed=True, one_hot=True)

    def fit(self, batch, params, context):
        X = np.c_[batch.X.values, np.ones(len(batch.y))]
        return Fitted(np.linalg.solve(X.T @ X + params.shrink * np.eye(X.shape[1]), X.T @ (4 * batch.y - 2.0)))

    def restore(self, state):
        return Fitted(np.asarray(state.arrays["w"]))

    def space(self, task, n_rows):
        return {}


make = Family
"""
PIPELINE = """
data:
  source: own:customers
  prepare: own:tidy
  split:
    custom: own:halves
features:
  target: bought
  custom: own:extra
model:
  type: family:make
evaluation:
  metric: own:profit
training:
  budget_s: 60
"""


def project(folder: Path) -> None:
    """A project whose every function is its own, in files beside the pipeline file."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    amount, visits, kind = rng.gamma(2, 20, 500), rng.integers(0, 20, 500), rng.choice(list("xyz"), 500)
    bought = amount / 40 + (kind == "x") + rng.normal(size=500) * 0.7 > 1.2
    table = {"amount": amount, "visits": visits, "kind": kind, "bought": np.where(bought, "yes", "no")}
    pl.DataFrame(table).write_csv(folder / "customers.csv")
    for name, text in {"own.py": OWN, "family.py": FAMILY, "helper.py": "TWO = 2.0", "p.yaml": PIPELINE}.items():
        (folder / name).write_text(text)


def test_every_hook_works_from_another_folder_and_predict_asks_first(
    cli: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    project(folder)
    done = cli("run", str(folder / "p.yaml"), "--workspace", "ws", "--json")
    assert done.code in (0, 3), done.err
    found = done.json
    assert found["metric"] == "own:profit"
    assert found["metrics"]["test"]["own:profit"]["value"] > 0
    assert cli("explain", "--row", "0", "--workspace", "ws").code == 0

    again = cli("run", str(folder / "p.yaml"), "--workspace", "ws", "--json").json
    assert all(step["reused"] for step in again["steps"])

    bundle, data = str(Path(found["paths"]["bundle"]).absolute()), str(folder / "customers.csv")
    flags = ["--allow-hook", "family:make", "--allow-hook", "own:extra"]
    monkeypatch.chdir(folder)
    refused = cli("predict", bundle, data, "-o", "out.csv", "--prepare", "own:tidy", "--json")
    assert refused.code == 1
    assert refused.json["error"]["code"] == "bundle.hook"
    assert " ".join(flags) in refused.json["error"]["hint"]
    allowed = cli("predict", bundle, data, "-o", "out.csv", "--prepare", "own:tidy", *flags, "--json")
    assert allowed.code == 0, allowed.err
    assert pl.read_csv("out.csv").columns == ["prediction", "probability_no", "probability_yes"]


@pytest.mark.parametrize(
    ("place", "hook", "code", "says"),
    [
        ("custom: own:extra", "custom: own:broken", "features.custom", "helper"),
        ("custom: own:extra", "custom: own:extr", "hook.not_found", "extr"),
        ("prepare: own:tidy", "prepare: own:broken", "hook.failed", "line 29 of own.py"),
        ("custom: own:halves", "custom: own:tidy", "hook.failed", "tidy"),
        ("metric: own:profit", "metric: own:nothing", "hook.not_found", "nothing"),
        ("source: own:customers", "source: own:halves", "hook.failed", "halves"),
    ],
)
def test_a_function_that_fails_is_said_before_anything_is_written(
    cli: Callable[..., Said], tmp_path: Path, place: str, hook: str, code: str, says: str
) -> None:
    folder = tmp_path / "project"
    project(folder)
    (folder / "p.yaml").write_text(PIPELINE.replace(place, hook))
    said = cli("run", str(folder / "p.yaml"), "--workspace", "ws", "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == code
    assert says in said.json["error"]["message"]
    assert not (tmp_path / "ws").exists()
