"""A new family, check, metric and source cost one file each; nothing else is touched, and a run uses all four."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelwright.core import plugins

PARTS = {
    "families/nearest_mean.py": '''"""Nearest mean: answers by the distance to each class's mean."""

import numpy as np

from modelwright.core import ports
from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.core.ports import Needs
from modelwright.core.tables import State


class Params(ports.Params, frozen=True, kw_only=True):
    sharpness: float = 1.0


class Fitted:
    def __init__(self, means, sharpness):
        self.means, self.sharpness = means, sharpness

    def predict(self, X):
        if X.shape[1] != self.means.shape[1]:
            raise ModelError(f"{X.shape[1]} columns instead of {self.means.shape[1]}.")
        closeness = -self.sharpness * np.stack([((X - mean) ** 2).sum(axis=1) for mean in self.means], axis=1)
        odds = np.exp(closeness - closeness.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def state(self):
        return State(arrays={"means": self.means}, meta={"sharpness": self.sharpness})


class NearestMean:
    Params = Params
    tasks = frozenset({Task.BINARY, Task.MULTICLASS})
    needs = Needs(scaled=True, imputed=True, one_hot=True)

    def fit(self, batch, params, context):
        means = np.stack([batch.X.values[batch.y == k].mean(axis=0) for k in range(batch.n_classes)])
        return Fitted(means, params.sharpness)

    def restore(self, state):
        means, sharpness = state.arrays.get("means"), state.meta.get("sharpness")
        if means is None or means.ndim != 2 or not np.isfinite(means).all() or not isinstance(sharpness, float):
            raise ModelError("The means are not a table of finite numbers.")
        return Fitted(np.asarray(means), sharpness)

    def space(self, task, n_rows):
        return {}


PLUGIN = NearestMean()
''',
    "metrics/hits.py": '''"""Hits: the share of right answers, under a name of our own."""

from modelwright.core.nouns import Task


class Hits:
    tasks = frozenset({Task.BINARY, Task.MULTICLASS})
    greater_is_better = True
    needs = "labels"
    aliases = ("hit_rate",)
    bounds = (0.0, 1.0)

    def score(self, y, predictions, weight=None):
        return float((predictions.labels == y).mean())


PLUGIN = Hits()
''',
    "checks/data/no_tiny_flowers.py": '''"""Flowers smaller than one centimetre."""

from types import SimpleNamespace

from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Example


class NoTinyFlowers:
    codes = ("flower.tiny",)
    examples = (
        Example(make=lambda: SimpleNamespace(dataset=SimpleNamespace(n_rows=3)), codes=("flower.tiny",)),
        Example(make=lambda: SimpleNamespace(dataset=None)),
    )

    def run(self, evidence):
        if evidence.dataset is not None:
            yield Finding(code="flower.tiny", severity=Severity.LOW, subject="data", message="Some flowers are tiny.")


PLUGIN = NoTinyFlowers()
''',
    "sources/flowers.py": '''"""Flowers: a table by the scheme flowers://."""

from modelwright.core.digests import digest
from modelwright.core.tables import RawTable


class Flowers:
    suffixes = ()
    schemes = ("flowers",)

    def read(self, locations, options):
        import polars as pl
        from sklearn.datasets import load_iris

        bunch = load_iris()
        frame = pl.DataFrame(bunch.data, schema=["a", "b", "c", "d"]).with_columns(
            kind=pl.Series([str(bunch.target_names[k]) for k in bunch.target])
        )
        return RawTable(frame=frame, digest=digest(frame.write_csv().encode()), source=locations[0])


PLUGIN = Flowers()
''',
}

PIPELINE = """\
data:
  source: flowers://meadow
features:
  target: kind
model:
  type: nearest_mean
  sharpness: 2.0
evaluation:
  metric: hit_rate
  threshold: 0.6
training:
  budget_s: 120  # far more than any machine needs
"""


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "parts"
    for name, text in PARTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setenv("MODELWRIGHT_PLUGINS", str(folder))
    yield folder
    plugins._places.cache_clear()


@pytest.mark.journey
def test_a_run_made_of_four_new_files(cli: Callable, parts: Path, tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    said = cli("run", "pipeline.yaml", "--json")
    assert said.code in (0, 3), said.err + said.out
    result = said.json
    assert result["chosen"] == {"family": "nearest_mean", "params": {"sharpness": 2.0}}
    assert result["metric"] == "hits"
    assert result["metrics"]["test"]["hits"]["value"] > 0.6
    assert any(finding["code"] == "flower.tiny" for finding in result["findings"])
    assert cli("predict", "latest", "flowers://meadow", "-o", "out.csv").code == 0
    listed = cli("plugins", "families", "--json").json
    assert "nearest_mean" in str(listed)


def test_the_new_family_keeps_the_public_contract(parts: Path) -> None:
    from modelwright.testing import check_family

    check_family(plugins.load("families", "nearest_mean"))


def test_a_broken_part_is_named_and_the_rest_works(cli: Callable, parts: Path) -> None:
    (parts / "metrics" / "broken.py").write_text('"""Broken."""\nraise RuntimeError("no")\n')
    plugins._places.cache_clear()
    said = cli("plugins", "metrics", "--json")
    assert said.code in (0, 1)
    _, bad = plugins.load_all("metrics")
    assert list(bad) == ["broken"]
    assert "no" in bad["broken"].message
