"""`execution` in its short and its long form."""

from __future__ import annotations

import sys

import pytest

from modelwright.core.errors import MissingExtraError, SpecError
from modelwright.spec.load import load_spec_text
from modelwright.spec.model import ExecutionSpec
from modelwright.spec.write import render
from modelwright.training.executing import held

SMALL = "data: {source: a.csv}\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ExecutionSpec()),
        ("execution: local\n", ExecutionSpec()),
        ("execution: ray\n", ExecutionSpec(engine="ray")),
        (
            "execution:\n  engine: ray\n  address: auto\n  workers: 8\n",
            ExecutionSpec(engine="ray", address="auto", workers=8),
        ),
    ],
)
def test_both_forms_mean_a_place(text: str, place: ExecutionSpec) -> None:
    spec = load_spec_text(SMALL + text).spec
    assert spec.place == place
    assert load_spec_text(render(spec)).spec == spec


@pytest.mark.parametrize("text", ["execution: rai", "execution: {engin: ray}", "execution: {engine: ray, workers: 0}"])
def test_mistakes_are_told_at_their_place(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec_text(SMALL + text + "\n")
    assert caught.value.line == 2
    assert "execution" in caught.value.message


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match="execution: ray") as caught, held(ExecutionSpec(engine="ray")):
        pass
    assert "pip install 'modelwright[ray]'" in caught.value.hint
