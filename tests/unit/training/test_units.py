"""Units: names by content, folders written whole, damage noticed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.core.tables import State
from modelwright.spec.model import FeaturesSpec
from modelwright.training.units import Job, Product, Unit, UnitResult, UnitStore

JOB = Job(
    data_digest="b3:1",
    schema=Schema(
        columns=(Column(name="x", type=ColumnType.NUMBER), Column(name="y", type=ColumnType.NUMBER, role=Role.TARGET))
    ),
    features=FeaturesSpec(target="y"),
    task=Task.REGRESSION,
    fold_digests=("b3:a", "b3:b"),
)
UNIT = Unit(name="ridge/fold-0", candidate="ridge", family="ridge", params={"alpha": 1.0}, seed=3, fold=0)


def product(key: str) -> Product:
    state = State(arrays={"w": np.array([1.0, 2.0])}, meta={"k": 1}, texts={"m.txt": "tree\r\nend\n"})
    result = UnitResult(key=key, name=UNIT.name, seconds=0.1, fit_s=0.05, size_bytes=16)
    return Product(result=result, predictions=np.array([0.5, np.nan]), features={"steps": []}, state=state)


def test_key_covers_what_determines_the_result() -> None:
    keys = {UNIT.key(JOB)}
    for change in (
        {"params": {"alpha": 2.0}},
        {"seed": 4},
        {"fold": 1},
        {"fold": None},
        {"weighting": "oversample"},
        {"rounds": 5},
    ):
        keys.add(msgspec.structs.replace(UNIT, **change).key(JOB))
    for change in ({"data_digest": "b3:2"}, {"code_digest": "c"}, {"seed": 9}, {"features": FeaturesSpec(target="z")}):
        keys.add(UNIT.key(msgspec.structs.replace(JOB, **change)))
    assert len(keys) == 11


def test_key_ignores_names() -> None:
    assert msgspec.structs.replace(UNIT, name="other", candidate="other").key(JOB) == UNIT.key(JOB)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    store = UnitStore(tmp_path)
    written = product("k")
    store.write(written)
    assert store.result("k") == written.result
    np.testing.assert_array_equal(store.predictions("k"), written.predictions)
    state = store.state("k")
    assert state.texts == {"m.txt": "tree\r\nend\n"}
    assert state.meta == {"k": 1}
    np.testing.assert_array_equal(state.arrays["w"], [1.0, 2.0])
    assert store.features("k") == {"steps": []}
    assert not list(tmp_path.glob(".draft-*"))


def test_damaged_result_is_absent_and_can_be_written_again(tmp_path: Path) -> None:
    store = UnitStore(tmp_path)
    store.write(product("k"))
    (tmp_path / "k" / "result.json").write_bytes(b"{")
    assert store.result("k") is None
    store.write(product("k"))
    assert store.result("k") is not None


def test_second_writer_leaves_the_first(tmp_path: Path) -> None:
    store = UnitStore(tmp_path)
    store.write(product("k"))
    store.write(product("k"))
    assert [file.name for file in tmp_path.iterdir()] == ["k"]


def test_drafts_of_killed_workers_are_cleared(tmp_path: Path) -> None:
    (tmp_path / ".draft-x").mkdir()
    UnitStore(tmp_path).clear_drafts()
    assert not list(tmp_path.iterdir())
