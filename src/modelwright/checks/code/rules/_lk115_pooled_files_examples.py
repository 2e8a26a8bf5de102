"""Proofs of `lk115_pooled_files`: programs that must fire, and programs that must stay silent."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import fires, silent

_POOL = """\
train = pd.read_csv("train.csv")
test = pd.read_csv("test.csv")
n = len(train)
y = train["price"]
both = pd.concat([train.drop(columns=["price"]), test])
"""
_END = "model = Ridge().fit(both[:n], y)\nanswers = model.predict(both[n:])\n"
_APART = 'train = pd.read_csv("train.csv")\ntest = pd.read_csv("test.csv")\ny = train.pop("price")\n'

EXAMPLES: tuple[CodeExample, ...] = (
    fires("median over both files", _POOL + "both = both.fillna(both.median())\n" + _END, "LK115"),
    fires("one column's mean over both files", _POOL + 'both["area"] = both["area"].fillna(both["area"].mean())\n' + _END, "LK115"),
    fires(
        "scaler over both files",
        _POOL + "rows = StandardScaler().fit_transform(both)\nmodel = Ridge().fit(rows[:n], y)\nmodel.predict(rows[n:])\n",
        "LK115",
    ),
    fires(
        "projection over both files",
        _POOL + "rows = PCA(5).fit_transform(both)\nmodel = Ridge().fit(rows[:n], y)\nout = model.predict(rows[n:])\n",
        "LK115",
    ),
    fires(
        "imputer over both files",
        _POOL + "rows = SimpleImputer().fit_transform(both)\nmodel = Ridge().fit(rows[:n], y)\nout = model.predict(rows[n:])\n",
        "LK115",
    ),
    silent("constants only", _POOL + "both = both.fillna(0)\n" + _END),
    silent("logs are row for row", _POOL + 'both["area"] = np.log1p(both["area"])\n' + _END),
    silent("learned on the training file", _APART + "m = train.median()\nmodel = Ridge().fit(train.fillna(m), y)\n"
           "out = model.predict(test.fillna(m))\n"),
    silent("dummies over both", _POOL + "both = pd.get_dummies(both)\n" + _END),
    silent("scaler of the training file", _APART + "s = StandardScaler().fit(train)\nmodel = Ridge().fit(s.transform(train), y)\n"
           "out = model.predict(s.transform(test))\n"),
)
