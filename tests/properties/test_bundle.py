"""Saving, loading and scoring change nothing, for any shape of model and any row."""

from __future__ import annotations

import math
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwright.core.errors import ModelError
from modelwright.registry import bundle
from modelwright.registry.model import Member, Model, from_files, to_files
from modelwright.registry.reading import read_verified
from modelwright.registry.scorers import CompiledScorer, ReferenceScorer
from tests.unit.registry import bundle_parts as parts

_QUIET = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@lru_cache
def members() -> tuple[Member, ...]:
    table = parts.mixed()
    return tuple(
        parts.member(table, family, **parts.SMALL.get(family, {})) for family in ("lightgbm", "logistic", "dummy")
    )


@lru_cache
def written() -> tuple[dict[str, bytes], Model]:
    table = parts.mixed()
    made = Model(signature=table.signature, members=members(), decision_threshold=0.35)
    with tempfile.TemporaryDirectory() as folder:
        bundle.write(Path(folder) / "b", parts.contents(made, table))
        root = Path(folder) / "b"
        return {
            file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()
        }, made


def rows() -> st.SearchStrategy[dict[str, Any]]:
    number = st.none() | st.floats(-1e300, 1e300) | st.floats(-5, 5)
    text = st.none() | st.sampled_from(["red", "green", "a", "b"]) | st.text(max_size=8)
    return st.fixed_dictionaries(
        {
            "number": number,
            "skewed": number,
            "serial": number,
            "kind": text,
            "label": text,
            "flag": st.none() | st.booleans(),
            "when": st.none() | st.datetimes(),
        }
    )


@_QUIET
@given(weights=st.lists(st.floats(0.01, 10), min_size=3, max_size=3), threshold=st.none() | st.floats(0.05, 0.95))
def test_a_model_read_back_answers_the_same_and_writes_the_same(weights: list[float], threshold: float | None) -> None:
    table = parts.mixed()
    weighted = tuple(
        Member(features=each.features, family=each.family, fitted=each.fitted, weight=weight)
        for each, weight in zip(members(), weights, strict=True)
    )
    made = Model(signature=table.signature, members=weighted, decision_threshold=threshold)
    files = to_files(made)
    again = from_files(files)
    assert to_files(again) == files
    one, two = made.predict(table.frame), again.predict(table.frame)
    np.testing.assert_allclose(one.probabilities, two.probabilities, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.probabilities.sum(axis=1), 1.0)  # type: ignore[union-attr]


@_QUIET
@given(row=rows())
def test_the_compiled_plan_answers_any_row_as_the_training_path_does(row: dict[str, Any]) -> None:
    _, made = written()
    fast, slow = CompiledScorer(made).row(row), ReferenceScorer(made).row(row)
    assert fast.probabilities is not None
    assert slow.probabilities is not None
    np.testing.assert_allclose(fast.probabilities, slow.probabilities, rtol=0, atol=1e-9)
    assert all(math.isfinite(value) for value in slow.probabilities.ravel())
    if abs(slow.probabilities[0, 1] - 0.35) > 1e-9:
        assert fast.labels == slow.labels


@_QUIET
@given(data=st.data())
def test_no_single_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    files, _ = written()
    name = data.draw(st.sampled_from(sorted(name for name, content in files.items() if content)))
    position = data.draw(st.integers(0, len(files[name]) - 1))
    bit = data.draw(st.integers(0, 7))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "b"
        digest = ""
        for other, content in files.items():
            (root / other).parent.mkdir(parents=True, exist_ok=True)
            (root / other).write_bytes(content)
        digest = read_verified(root).digest
        changed = bytearray(files[name])
        changed[position] ^= 1 << bit
        (root / name).write_bytes(bytes(changed))
        with pytest.raises(ModelError) as caught:
            read_verified(root, expected=digest)
        assert caught.value.code.startswith("bundle.")
