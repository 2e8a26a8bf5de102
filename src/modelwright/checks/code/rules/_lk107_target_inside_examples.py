"""Proofs of `lk107_target_inside`: programs that must fire, and programs that must stay silent."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import fires, silent

_READ = 'df = pd.read_csv("loans.csv")\n'
_END = "a, b, c, d = train_test_split(X, y, random_state=0)\nm = LogisticRegression().fit(a, c)\nprint(m.score(b, d))\n"

EXAMPLES: tuple[CodeExample, ...] = (
    fires("nothing dropped", _READ + 'y = df["default"]\nX = df\n' + _END, "LK107"),
    fires("another column dropped", _READ + 'y = df["default"]\nX = df.drop(columns=["id"])\n' + _END, "LK107"),
    fires("the drop is thrown away", _READ + 'df.drop("default", axis=1)\ny = df["default"]\nX = df\n' + _END, "LK107"),
    fires("listed among the features", _READ + 'cols = ["age", "income", "default"]\ny = df["default"]\nX = df[cols]\n' + _END, "LK107"),
    fires("scaled with the target inside", _READ + 'y = df.default\nX = StandardScaler().fit_transform(df)\n' + _END, "LK107"),
    silent("dropped", _READ + 'y = df["default"]\nX = df.drop("default", axis=1)\n' + _END),
    silent("popped", _READ + 'y = df.pop("default")\nX = df\n' + _END),
    silent("deleted", _READ + 'y = df["default"]\ndel df["default"]\nX = df\n' + _END),
    silent("dropped in place", _READ + 'y = df["default"]\ndf.drop(["default", "id"], axis=1, inplace=True)\nX = df\n' + _END),
    silent("columns by position", _READ + 'y = df["default"]\nX = df.iloc[:, :-1]\n' + _END),
    fires("ratio of the target", _READ + 'y = df["price"]\ndf["per_m2"] = df["price"] / df["area"]\nX = df.drop(columns=["price"])\n' + _END, "LK108"),
    fires("mapped target", _READ + 'df["flag"] = df["status"].map({"a": 1, "b": 0})\ny = df["status"]\nX = df.drop("status", axis=1)\n' + _END, "LK108"),
    fires("threshold of the target", _READ + 'df["rich"] = df["income"] > 100\ny = df["income"]\nX = df.drop(columns="income")\n' + _END, "LK108"),
    fires("logged target kept", _READ + 'df["lp"] = np.log(df["price"])\ny = df["price"]\nX = df.drop(["price"], axis=1)\n' + _END, "LK108"),
    fires("residual of the target", _READ + 'df["gap"] = df["list"] - df["sold"]\ny = df["sold"]\nX = df[["gap", "rooms"]]\n' + _END, "LK108"),
    silent("dropped again", _READ + 'df["lp"] = np.log(df["price"])\ny = df["price"]\nX = df.drop(["price", "lp"], axis=1)\n' + _END),
    silent("target made from a column that goes", _READ + 'df["y"] = (df["income"] > 50)\ny = df["y"]\nX = df.drop(columns=["y", "income"])\n' + _END),
    silent("last week's target", _READ + 'df["before"] = df["sales"].shift(7)\ny = df["sales"]\nX = df.drop(columns="sales")\n' + _END),
    silent("ratio of features", _READ + 'df["r"] = df["debt"] / df["income"]\ny = df["default"]\nX = df.drop("default", axis=1)\n' + _END),
    silent("listed without it", _READ + 'df["lp"] = np.log(df["price"])\ny = df["price"]\nX = df[["rooms", "area"]]\n' + _END),
)
