"""A model as files: small, the same again, and those of the first format are still read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.registry import packing
from modelwright.registry.model import Model, from_files, to_files
from tests.unit.registry import bundle_parts as parts

BOOSTERS = ["lightgbm", "xgboost", "random_forest"]


def first_format(model: Model) -> dict[str, bytes]:
    """The files that version 1 of the format had: native texts as they are, features once per object."""
    from safetensors.numpy import save

    document = json.loads(to_files(model)["model.json"])
    document["format"] = 1
    document.pop("features_file", None)
    files: dict[str, bytes] = {}
    for number, (entry, member) in enumerate(zip(document["members"], model.members, strict=True)):
        state = member.fitted.state()
        entry |= {"meta": dict(state.meta), "arrays": "", "texts": {}}
        if state.arrays:
            entry["arrays"] = f"member_{number:03d}.safetensors"
            files[entry["arrays"]] = save({key: np.ascontiguousarray(a) for key, a in sorted(state.arrays.items())})
        for at, (key, text) in enumerate(sorted(state.texts.items())):
            entry["texts"][key] = f"member_{number:03d}_{at}.txt"
            files[entry["texts"][key]] = text.encode()
    return files | {"model.json": canonical_json(document)}


@pytest.mark.parametrize("families", [("lightgbm", "extra_trees"), ("logistic",)])
def test_many_rows_are_answered_in_pieces(families: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    table = parts.mixed(n=301)
    made = parts.model(table, families)
    wanted = made.predict(table.frame)
    monkeypatch.setattr("modelwright.registry.model._AT_ONCE", 100)
    np.testing.assert_allclose(made.predict(table.frame).probabilities, wanted.probabilities, rtol=1e-14)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_both_formats_answer_as_the_trained_model_does_bit_for_bit(task: Task) -> None:
    table = parts.mixed(task)
    made = parts.model(table, [*BOOSTERS, "ridge" if task is Task.REGRESSION else "logistic"])
    wanted = made.predict(table.frame)
    files = to_files(made)
    for stored in (files, first_format(made)):
        found = from_files(stored).predict(table.frame)
        for name in ("probabilities", "values"):
            if getattr(wanted, name) is not None:
                assert np.array_equal(getattr(found, name), getattr(wanted, name))
    assert to_files(from_files(files)) == files
    assert to_files(from_files(first_format(made))) == files
    assert sum(map(len, files.values())) < 0.4 * sum(map(len, first_format(made).values()))


def test_members_that_want_the_same_matrix_share_one_state_of_features() -> None:
    table = parts.mixed()
    made = parts.model(table, BOOSTERS)
    assert len({id(member.features) for member in made.members}) == 3
    restored = from_files(to_files(made))
    assert len({id(member.features) for member in restored.members}) == 1


def test_long_features_have_a_file_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelwright.registry.model._LONG_FEATURES", 100)
    table = parts.mixed()
    made = parts.model(table, ["lightgbm"])
    files = to_files(made)
    assert json.loads(files["model.json"])["features"] == []
    assert np.array_equal(from_files(files).predict(table.frame).labels, made.predict(table.frame).labels)  # type: ignore[arg-type]
    del files[json.loads(files["model.json"])["features_file"]]
    with pytest.raises(ModelError, match="missing"):
        from_files(files)


def test_contributions_survive_although_inner_weights_are_not_stored() -> None:
    table = parts.mixed()
    for family in BOOSTERS:
        made = parts.model(table, [family])
        one: Any = made.members[0]
        restored: Any = from_files(to_files(made)).members[0]
        X = one.features.transform(table.frame.head(30)).values
        np.testing.assert_allclose(restored.fitted.contributions(X), one.fitted.contributions(X), atol=1e-6)


def test_a_model_of_a_later_format_says_so() -> None:
    files = to_files(parts.model(parts.mixed(), ["logistic"]))
    files["model.json"] = files["model.json"].replace(b'"format":2', b'"format":3', 1)
    with pytest.raises(ModelError):
        from_files(files)


def test_packing_is_deterministic_bounded_and_leaves_short_files_readable() -> None:
    assert packing.packed("a.txt", b"short") == ("a.txt", b"short")
    name, small = packing.packed("a.txt", b"abc" * 10_000)
    assert (name, small) == packing.packed("a.txt", b"abc" * 10_000)
    assert packing.Unpacker({name: small}).read(name) == b"abc" * 10_000
    for damaged in (small[:-5], small + b"x", b"\x00" + small):
        with pytest.raises(ModelError):
            packing.Unpacker({name: damaged}).read(name)
