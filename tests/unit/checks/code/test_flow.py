"""The flow engine: what it knows of values, and that nothing makes it fall or run on."""

from __future__ import annotations

import ast
import time

import pytest

from modelwright.checks.code.flow import Flow
from modelwright.checks.code.flow import rows as algebra
from tests.unit.checks.code.test_flow_corpus import facts_of, findings_of

HEAD = """\
import pandas as pd
from sklearn.preprocessing import StandardScaler
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.model_selection import train_test_split, cross_val_score
from sklearn.linear_model import LogisticRegression
df = pd.read_csv("d.csv")
X, y = df.drop(columns="t"), df["t"]
"""


def flow_of(text: str) -> Flow:
    return facts_of(text).flow


def value_of(text: str, name: str) -> object:
    facts = facts_of(text)
    last = [node for node in ast.walk(facts.source.tree) if isinstance(node, ast.Name) and node.id == name][-1]
    return facts.flow.value(last)


@pytest.mark.parametrize(
    ("text", "kind", "cls"),
    [
        ("import pandas as pd\ndf = pd.read_csv('x')\ndf", "frame", "pandas.DataFrame"),
        ("import pandas as pd\ns = pd.read_csv('x')['a']\ns", "series", "pandas.DataFrame"),
        ("from sklearn.svm import SVC\nm = SVC().fit([[1]], [1])\nm", "estimator", "sklearn.svm.SVC"),
        ("from sklearn.model_selection import KFold\ncv = KFold(3)\ncv", "splitter", "sklearn.model_selection.KFold"),
        ("import torch.nn as nn\nn = nn.Sequential(nn.Linear(1, 1))\nn", "module", "torch.nn.Sequential"),
    ],
)
def test_kind_and_class_of_a_value(text: str, kind: str, cls: str) -> None:
    value = value_of(text, text.rsplit("\n", 1)[1])
    assert (getattr(value, "kind", None), getattr(value, "cls", None)) == (kind, cls)


@pytest.mark.parametrize(
    "split",
    [
        "a, b, c, d = train_test_split(X, y, random_state=0)",
        "a, b = X[:80], X[80:]",
        "n = int(len(X) * .8)\na, b = X.iloc[:n], X.iloc[n:]",
        "a = X.sample(frac=.8, random_state=0)\nb = X.drop(a.index)",
        "import numpy as np\nm = np.random.rand(len(X)) < .8\na, b = X[m], X[~m]",
        "a, b = X[X.year < 2019], X[X.year >= 2019]",
        "a, b = X[X['part'] == 'train'], X[X['part'] == 'test']",
        "from sklearn.model_selection import KFold\nfor i, j in KFold(3).split(X):\n    a, b = X.iloc[i], X.iloc[j]",
        "a, b = X[:-20], X[-20:]",
        "def cut(t):\n    return train_test_split(t)\na, b = cut(X)",
    ],
)
def test_both_sides_of_a_division_are_apart(split: str) -> None:
    flow = flow_of(HEAD + split + "\n")
    flow.splits  # noqa: B018  the flow is worked out when it is first asked
    found = flow.machine.module.vars
    assert algebra.apart(found["a"].rows, found["b"].rows)
    assert algebra.covers(found["X"].rows, found["b"].rows)


@pytest.mark.parametrize("step", ["StandardScaler()", "SimpleImputer()", "PCA(3)", "SelectKBest(k=3)"])
@pytest.mark.parametrize("sink", ["cross_val_score(m, {x}, y)", "m.fit(a, c).score(b, d)"])
def test_wrapped_in_a_pipeline_the_finding_vanishes_and_unwrapped_it_returns(step: str, sink: str) -> None:
    cut = "a, b, c, d = train_test_split({x}, y, random_state=0)\n"
    loose = HEAD + f"Z = {step}.fit_transform(X, y)\nm = LogisticRegression()\n" + (cut + sink).format(x="Z") + "\n"
    wrapped = HEAD + f"m = make_pipeline({step}, LogisticRegression())\n" + (cut + sink).format(x="X") + "\n"
    leaks = {"LK101", "LK104"}
    assert leaks & {one.code for one in findings_of(loose)}
    assert not leaks & {one.code for one in findings_of(wrapped)}


@pytest.mark.parametrize(
    "text",
    [
        "def f(n):\n    return f(n - 1) + f(n - 2)\nf(9)\n",
        "x = " + "(" * 80 + "1" + ")" * 80,
        "x = " + "+".join(["a"] * 900),
        "x = a" + ".b" * 400 + "\n",
        "while True:\n" + "".join("    " * i + f"for i{i} in x{i}:\n" for i in range(1, 15)) + "    " * 15 + "y = 1\n",
        "a = []\na.append(a)\nfor b in a:\n    a.extend(b)\n",
        "d = {}\nd['d'] = d\nprint(d['d']['d'])\n",
        "class A:\n    def __init__(self):\n        self.a = A()\nA().a.a\n",
        "f = lambda *a, **k: f(*a, **k)\nf(f)\n",
        "[x for y in z for x in y if x]\n(*a, b), c = d\ndel a[0]\n",
        "async def g():\n    async with a as b:\n        async for c in b:\n            await c\n",
        "match x:\n    case [1, *r]:\n        pass\n    case {'a': b}:\n        pass\n",
        "import numpy as np\nX[:, np.newaxis][...] = 1\nX.loc['a':'b', ['c']] += 2\n",
        "\n".join(f"def f{i}(x):\n    return f{i + 1}(f{i + 1}(x))" for i in range(40)) + "\nf0(1)\n",
    ],
)
def test_odd_code_neither_stops_nor_holds_up_the_flow(text: str) -> None:
    begun = time.process_time()
    flow = flow_of(text)
    assert isinstance(flow.fits, list)
    assert "Error" not in flow.trouble
    assert time.process_time() - begun < 20


def test_the_same_text_gives_the_same_findings() -> None:
    text = HEAD + "Z = StandardScaler().fit_transform(X)\nprint(cross_val_score(LogisticRegression(), Z, y))\n"
    assert findings_of(text) == findings_of(text)


def test_the_learned_split_judged_steps_point_at_the_right_lines() -> None:
    text = (
        HEAD
        + "Z = StandardScaler().fit_transform(X)\na, b, c, d = train_test_split(Z, y)\n"
        + "m = LogisticRegression().fit(a, c)\nm.score(b, d)\n"
    )
    leak = next(one for one in findings_of(text) if one.code == "LK101")
    first = HEAD.count("\n") + 1
    assert [(step.text.split(" here")[0], step.place.line) for step in leak.steps] == [
        ("learned", first), ("split", first + 1), ("trained", first + 2), ("judged", first + 3),
    ]  # fmt: skip


FITTED = "import numpy as np\nX = StandardScaler().fit_transform(X)\n"
ASKED = "m = LogisticRegression().fit(X[a], y[a])\nprint(m.score(X[b], y[b]))\n"


@pytest.mark.parametrize(
    "positions",
    [
        "i = np.random.permutation(len(X))\nn = int(.7 * len(X))\na, b = i[:n], i[n:]",
        "i = np.random.default_rng(0).permutation(len(X))\na, c, b = i[:60], i[60:80], i[80:]",
        "i = np.arange(len(X))\nnp.random.shuffle(i)\na, b = i[:60], i[60:]",
        "i = list(range(len(X)))\nnp.random.shuffle(i)\na, b = i[50:], i[:50]",
        "a, b = train_test_split(np.arange(len(X)), random_state=0)",
    ],
)
def test_rows_picked_by_shuffled_positions_are_sides_of_one_division(positions: str) -> None:
    codes = {one.code for one in findings_of(HEAD + FITTED + positions + "\n" + ASKED)}
    assert "LK101" in codes
    assert "EV205" not in codes


def test_texts_that_a_loop_collects_are_the_rows_they_came_from() -> None:
    text = (
        HEAD
        + "import re\nfrom sklearn.feature_extraction.text import CountVectorizer\ntexts = []\n"
        + "for i in range(1000):\n    t = re.sub('x', ' ', df['text'][i]).lower().split()\n"
        + "    texts.append(' '.join([w for w in t if w]))\n"
        + "X = CountVectorizer().fit_transform(texts)\na, b, c, d = train_test_split(X, y)\n"
        + "m = LogisticRegression().fit(a, c)\nprint(m.score(b, d))\n"
    )
    assert "LK101" in {one.code for one in findings_of(text)}


NET = "import numpy as np\nfrom sklearn.model_selection import KFold\nfrom tensorflow.keras import Sequential, layers\n"
FOLDS = "for a, b in KFold(5, shuffle=True, random_state=0).split(X):\n"
TRAINED = "    net.fit(X[a], y[a])\n    print(net.evaluate(X[b], y[b]))\n"
BUILT = "net = Sequential([layers.Dense(1)])\n"


@pytest.mark.parametrize(
    ("before", "inside", "said"),
    [(BUILT, "", True), ("", "    " + BUILT, False), (BUILT, "    net.load_weights('w.h5')\n", False)],
)
def test_a_net_that_is_kept_across_folds_has_seen_what_it_is_judged_on(before: str, inside: str, said: bool) -> None:
    codes = {one.code for one in findings_of(HEAD + NET + before + FOLDS + inside + TRAINED)}
    assert ("LK113" in codes) is said


@pytest.mark.parametrize(
    ("train", "test", "apart"),
    [(":'2019-12-31'", "'2020-01-01':", True), (":'2020-06-30'", "'2020-01-01':", False)],
)
def test_slices_by_date_are_apart_where_the_dates_are(train: str, test: str, apart: bool) -> None:
    flow = flow_of(HEAD + f"m = LogisticRegression().fit(X.loc[{train}], y.loc[{train}])\nm.predict(X.loc[{test}])\n")
    assert algebra.apart(flow.fits[-1].rows, flow.predicts[-1].rows) is apart


def test_three_stretches_in_a_row_are_apart() -> None:
    parts = "n, k = len(X), len(X) // 8\na, c, b = X[: n - 2 * k], X[n - 2 * k : n - k + 1], X[n - k + 1 :]\n"
    flow = flow_of(HEAD + parts + "m = LogisticRegression().fit(a, a)\nm.predict(b)\n")
    assert algebra.apart(flow.fits[-1].rows, flow.predicts[-1].rows)
