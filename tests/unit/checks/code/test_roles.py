"""What a file is for, told from its content before its path."""

from __future__ import annotations

import json

import pytest

from modelwright.checks.code import roles
from modelwright.checks.code.loading import from_text
from modelwright.checks.code.names import Names
from modelwright.checks.code.nouns import Role

FIT = "from sklearn.svm import SVC\n"


@pytest.mark.parametrize(
    ("path", "text", "role"),
    [
        ("a.py", f"{FIT}SVC().fit(X, y)\n", Role.TRAINING),
        ("a.py", f"{FIT}def main():\n    SVC().fit(X, y)\nif __name__ == '__main__':\n    main()\n", Role.TRAINING),
        ("a.py", f"{FIT}def fit_all():\n    run()\ndef run():\n    SVC().fit(X, y)\nfit_all()\n", Role.TRAINING),
        ("train.py", "import torch\nfor x in d:\n    loss.backward()\n", Role.TRAINING),
        ("a.py", f"{FIT}def train(X, y):\n    return SVC().fit(X, y)\n", Role.LIBRARY),
        ("a.py", f"{FIT}class Model:\n    def fit(self, X, y):\n        self.m = SVC().fit(X, y)\n", Role.LIBRARY),
        ("tests/test_a.py", f"{FIT}def test_fit():\n    SVC().fit(X, y)\n", Role.TEST),
        ("a.py", "import pytest\ndef test_x():\n    assert 1\n", Role.TEST),
        ("test_scores.py", f"{FIT}SVC().fit(X, y)\n", Role.TRAINING),
        (
            "a.py",
            "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef home():\n    return 1\n",
            Role.SERVING,
        ),
        (
            "a.py",
            "from flask import Blueprint\nbp = Blueprint('a', 'b')\n@bp.route('/x')\ndef x():\n    return ''\n",
            Role.SERVING,
        ),
        ("a.py", "import streamlit as st\nst.write(1)\n", Role.SERVING),
        ("a.py", "import flask\nprint(flask.__name__)\n", Role.OTHER),
        ("settings.py", "LR = 0.1\nEPOCHS = 3\n", Role.CONFIG),
        ("a.py", "print(1)\n", Role.OTHER),
        ("a.py", "from mylib import thing\nthing.fit(1)\n", Role.OTHER),
    ],
)
def test_roles(path: str, text: str, role: Role) -> None:
    source = from_text(text, path)
    assert roles.of(source, Names.of(source.tree)) is role


@pytest.mark.parametrize(("text", "role"), [("print(1)", Role.NOTEBOOK), (f"{FIT}SVC().fit(X, y)", Role.TRAINING)])
def test_notebooks(text: str, role: Role) -> None:
    source = from_text(json.dumps({"cells": [{"cell_type": "code", "source": text}]}), "n.ipynb")
    assert roles.of(source, Names.of(source.tree)) is role
