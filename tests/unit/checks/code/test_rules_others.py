"""Mutations of the remaining families: seeds, scikit-learn, handlers, notebooks, configurations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelwright.checks.code.configs import config_from_text, load_config
from tests.contracts.test_code_rules import apply_edits
from tests.unit.checks.code.reviewing_rules import codes, found

SPLIT = """
from sklearn.model_selection import KFold, train_test_split
a, b = train_test_split(X)
c, d = train_test_split(
    X,
    y,  # two parts
)
cv = KFold(n_splits=5, random_state=3)
"""


def test_safe_fixes_end_what_they_mend() -> None:
    findings = found("rp_seeds", SPLIT)
    assert {finding.code for finding in findings} == {"RP301", "RP303"}
    text = apply_edits(SPLIT, [edit for finding in findings if finding.fix for edit in finding.fix.edits])
    assert "shuffle=True" in text
    assert text.count("random_state=0") == 2
    assert codes("rp_seeds", text) == set()


HANDLER = """
import joblib
from fastapi import FastAPI
from pydantic import BaseModel
app = FastAPI()
class Row(BaseModel):
    size: float
model = joblib.load("m.joblib")
@app.post("/predict")
def predict(row: Row):
    return model.predict([[row.size]]).tolist()
"""


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("    return model", '    model = joblib.load("m.joblib")\n    return model', "DP801"),
        ("row: Row", "row: dict", "DP802"),
        ("    return model", "    model.fit(X, y)\n    return model", "DP803"),
        ("[[row.size]]", "scaler.fit_transform([[row.size]])", "DP804"),
    ],
)
def test_one_fault_in_a_handler(old: str, new: str, code: str) -> None:
    assert codes("dp_handlers", HANDLER) == set()
    assert codes("dp_handlers", HANDLER.replace(old, new, 1)) == {code}


def test_scaling_ends_the_finding() -> None:
    text = (
        "from sklearn.datasets import load_wine\nfrom sklearn.svm import SVC\n"
        "X, y = load_wine(return_X_y=True)\nSVC(C=1).fit(X, y)\n"
    )
    assert codes("sk_usage", text) == {"SK501"}
    wrapped = text.replace("SVC(C=1).fit", "make_pipeline(StandardScaler(), SVC(C=1)).fit")
    assert codes("sk_usage", wrapped) == set()


def test_a_lost_cell_that_may_define_the_name_keeps_the_rule_silent() -> None:
    def cells(*texts: str) -> str:
        return json.dumps({"cells": [{"cell_type": "code", "source": text} for text in texts]})

    assert "NB902" in codes("nb_order", cells("print(df)", "df = 1"))
    assert "NB902" not in codes("nb_order", cells("df = (", "print(df)", "df = 1"))
    assert "NB902" not in codes("nb_order", cells("df = 1", "print(df)"))


def test_configurations_of_other_things_are_left_alone(tmp_path: Path) -> None:
    for name, text in (
        ("a.yaml", "version: 3\nservices: {web: {image: x}}\n"),
        ("b.json", '{"name": "x", "scripts": {"test": "y"}}'),
        ("c.toml", "[project]\nname = 'x'\n"),
        ("d.yaml", "a: [1, 2"),
        ("e.yaml", "&a [*a, *a]"),
        ("f.json", "[" * 5000),
        ("g.txt", "model: x\nlr: 0\n"),
        ("h.yaml", "- 1\n- 2\n"),
        ("i.yaml", ""),
    ):
        path = tmp_path / name
        path.write_text(text)
        assert load_config(path, name) is None, name
    (tmp_path / "j.yaml").write_bytes(b"model: \xff\xfe\n")
    assert load_config(tmp_path / "j.yaml", "j.yaml") is None
    assert load_config(tmp_path / "gone.yaml", "gone.yaml") is None


def test_settings_have_their_lines() -> None:
    config = config_from_text("model: x\ntrain:\n  lr: 1e-3\n  epochs: 3\nsearch:\n  lr: {min: 2, max: 1}\n")
    assert config is not None
    assert config.values["train.lr"] == 0.001
    assert config.line("train.epochs") == 4
    assert config.line("search.lr.min") == 6
    toml = config_from_text('[model]\nname = "x"\n[train]\nlr = 0.0\nepochs = 3\n', "a.toml")
    assert toml is not None
    assert toml.line("train.lr") == 4
