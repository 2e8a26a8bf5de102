"""Intervals and sets of a bundle: read strictly, written as columns, and missed with a way out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Signature, Task
from modelwright.core.tables import Predictions
from modelwright.registry import intervals
from modelwright.stats.conformal import Conformal

NUMBERS = Signature(inputs=(), task=Task.REGRESSION, target="y")
CLASSES = Signature(inputs=(), task=Task.MULTICLASS, target="y", classes=("a", "b", "c"))


def written(learned: Conformal) -> bytes:
    return json.dumps(learned.state()).encode()


def test_numbers_get_low_and_high() -> None:
    learned = Conformal(kind="interval", asked=0.9, quantiles=(2.0,), n=100)
    found = intervals.columns(intervals.read(written(learned), NUMBERS), Predictions(values=np.array([1.0, 5.0])))
    assert found.rows() == [(-1.0, 3.0), (3.0, 7.0)]


def test_classes_get_a_set_with_the_likeliest_first() -> None:
    learned = Conformal(kind="set", asked=0.9, quantiles=(0.7, 0.7, 0.95), n=100)
    p = np.array([[0.2, 0.5, 0.3], [0.98, 0.01, 0.01], [0.29, 0.68, 0.03]])
    predictions = Predictions(classes=CLASSES.classes, probabilities=p, labels=p.argmax(axis=1))
    found = intervals.columns(intervals.read(written(learned), CLASSES), predictions)
    assert found["set"].to_list() == ["b|c", "a", "b"]


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"nonsense", b'{"kind": "set"}', b"[" * 5000])
def test_a_broken_file_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError) as refused:
        intervals.read(content, NUMBERS)
    assert refused.value.code == "bundle.uncertainty"


def test_sets_of_another_model_are_refused() -> None:
    with pytest.raises(ModelError, match="another kind"):
        intervals.read(written(Conformal(kind="interval", asked=0.9, quantiles=(2.0,), n=100)), CLASSES)


def test_an_old_bundle_says_what_to_do() -> None:
    with pytest.raises(ModelError) as missing:
        intervals.read(None, NUMBERS)
    assert missing.value.code == "bundle.no_intervals"
    assert "run its pipeline again" in missing.value.hint
