"""What a name stands for: aliases, old homes, scopes; and what it does not."""

from __future__ import annotations

import ast

import pytest

from modelwright.checks.code.homes import canonical
from modelwright.checks.code.names import Names, header

LOOPS = """
for a in first():
    inside()
def f():
    for b in c:
        def g(): deep()
        lambda: low()
"""


def meanings(text: str) -> list[str | None]:
    names = Names.of(ast.parse(text))
    return [names.called(call) for call in names.calls]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("import pandas as pd\npd.read_csv(1)", "pandas.read_csv"),
        ("import os.path\nos.path.join(1)", "os.path.join"),
        (
            "from sklearn.cross_validation import train_test_split as tts\ntts(1)",
            "sklearn.model_selection.train_test_split",
        ),
        ("from sklearn.externals import joblib\njoblib.load(1)", "joblib.load"),
        ("import sklearn.externals.joblib as jb\njb.load(1)", "joblib.load"),
        (
            "from sklearn.ensemble.forest import RandomForestClassifier\nRandomForestClassifier()",
            "sklearn.ensemble.RandomForestClassifier",
        ),
        (
            "from sklearn.ensemble._forest import RandomForestClassifier\nRandomForestClassifier()",
            "sklearn.ensemble.RandomForestClassifier",
        ),
        (
            "from sklearn.feature_extraction.text import TfidfVectorizer\nTfidfVectorizer()",
            "sklearn.feature_extraction.text.TfidfVectorizer",
        ),
        ("import tensorflow as tf\ntf.keras.layers.Dense(1)", "keras.layers.Dense"),
        ("from tensorflow import keras\nkeras.Sequential()", "keras.models.Sequential"),
        ("from keras.layers.core import Dense\nDense(1)", "keras.layers.Dense"),
        ("import tensorflow as tf\nk = tf.keras\nk.Model()", "keras.models.Model"),
        ("import torch\nF = torch.nn.functional\nF.relu(1)", "torch.nn.functional.relu"),
        ("from torch.nn.modules.loss import CrossEntropyLoss\nCrossEntropyLoss()", "torch.nn.CrossEntropyLoss"),
        ("from torch.optim.lr_scheduler import StepLR\nStepLR()", "torch.optim.lr_scheduler.StepLR"),
        ("import pytorch_lightning as pl\npl.Trainer()", "lightning.pytorch.Trainer"),
        ("import cPickle as pickle\npickle.load(1)", "pickle.load"),
        ("from sklearn.metrics import *\naccuracy_score(1, 2)", "sklearn.metrics.accuracy_score"),
        (
            "from sklearn.model_selection import train_test_split\nsplit = train_test_split\nsplit(1)",
            "sklearn.model_selection.train_test_split",
        ),
        ("try:\n    import cPickle as p\nexcept ImportError:\n    import pickle as p\np.load(1)", "pickle.load"),
        ("try:\n    from tqdm import tqdm\nexcept ImportError:\n    tqdm = None\ntqdm(1)", "tqdm.tqdm"),
        ("from .data import load\nload(1)", ".data.load"),
        ("from . import data\ndata.load(1)", ".data.load"),
        ("def f():\n    import numpy as np\n    return np.mean(1)", "numpy.mean"),
        ("import numpy as np\n[np.mean(x) for x in y]", "numpy.mean"),
    ],
)
def test_known_names(text: str, meaning: str) -> None:
    assert meanings(text) == [meaning]


@pytest.mark.parametrize(
    "text",
    [
        "read_csv(1)",
        "pd.read_csv(1)",
        "from mylib import *\nread_csv(1)",
        "import pandas as pd\ndef f(pd):\n    return pd.read_csv(1)",
        "from sklearn.metrics import *\ndef accuracy_score(a): ...\naccuracy_score(1)",
        "def f():\n    import numpy as np\nnp.mean(1)",
        "import a\nx = a.b if c else a.d\nx(1)",
        "a = b\nb = a\na(1)",
        "a = a\na()",
        "x[0](1)",
        "f()(1)"[3:],
    ],
)
def test_unknown_names_stay_unknown(text: str) -> None:
    assert all(meaning is None for meaning in meanings(text))


def test_own_functions_hide_starred_names_only_in_their_file() -> None:
    assert meanings("from sklearn.metrics import *\nf1_score(1)") == ["sklearn.metrics.f1_score"]


def test_one_name_with_two_meanings_is_unknown() -> None:
    assert meanings("import a\nx = a.one\nx = a.two\nx(1)") == [None]


@pytest.mark.parametrize(
    ("dotted", "public"),
    [
        ("sklearn.lda.LDA", "sklearn.discriminant_analysis.LinearDiscriminantAnalysis"),
        ("sklearn.linear_model.logistic.LogisticRegression", "sklearn.linear_model.LogisticRegression"),
        ("sklearn.metrics.pairwise.cosine_similarity", "sklearn.metrics.pairwise.cosine_similarity"),
        ("keras.utils.np_utils.to_categorical", "keras.utils.to_categorical"),
        ("xgboost.sklearn.XGBClassifier", "xgboost.XGBClassifier"),
        ("torch.nn.utils.rnn.pad_sequence", "torch.nn.utils.rnn.pad_sequence"),
        ("my.sklearn.thing", "my.sklearn.thing"),
    ],
)
def test_old_and_private_homes(dotted: str, public: str) -> None:
    assert canonical(dotted) == public
    assert canonical(public) == public


def test_standing_names_the_statement_and_the_function() -> None:
    names = Names.of(
        ast.parse("class A:\n    def g(self):\n        for x in range(3):\n            print(x)\ny = f(1)\n")
    )
    by_name = {ast.unparse(call): names.standing(call) for call in names.calls}
    assert by_name["print(x)"] == ("print(x)", "A.g")
    assert by_name["range(3)"] == ("for x in range(3):", "A.g")
    assert by_name["f(1)"] == ("y = f(1)", "")


@pytest.mark.parametrize(
    "text",
    [
        "while a: pass",
        "with a as b: pass",
        "try: pass\nfinally: pass",
        "def f(a): return a",
        "class A(B): x = 1",
        "match a:\n    case 1: pass",
    ],
)
def test_heads_of_compound_statements_leave_their_body_out(text: str) -> None:
    assert "\n" not in header(ast.parse(text).body[0]) or text.startswith("match")


def test_loops_and_scopes() -> None:
    names = Names.of(ast.parse(LOOPS))
    loops = {ast.unparse(call): names.loop(call) is not None for call in names.calls}
    assert loops == {"first()": False, "inside()": True, "deep()": False, "low()": False}


def test_nodes_come_in_the_order_of_the_text() -> None:
    names = Names.of(ast.parse("a(b(1), c(2))\nd(3)\n"))
    assert [call.func.id for call in names.calls if isinstance(call.func, ast.Name)] == ["a", "b", "c", "d"]
