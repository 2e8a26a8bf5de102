"""Proofs of `lk109_time`: programs that must fire, and programs that must stay silent."""

# fmt: off
# ruff: noqa: E501  one program a line reads better than folded ones
from __future__ import annotations

from modelwright.checks.code.nouns import CodeExample
from modelwright.checks.code.rules._snippets import fires, silent

_READ = 'df = pd.read_csv("sales.csv")\n'
_END = 'X = df.drop(columns="sales")\ny = df["sales"]\n'
_CUT = "n = int(len(X) * 0.8)\nm = Ridge().fit(X[:n], y[:n])\nprint(m.score(X[n:], y[n:]))\n"
_RANDOM = "a, b, c, d = train_test_split(X, y, random_state=0)\nm = Ridge().fit(a, c)\nprint(m.score(b, d))\n"
_SORT = 'df = df.sort_values("date")\n'
_GROUPS = "from sklearn.model_selection import GroupKFold, GroupShuffleSplit\n"

EXAMPLES: tuple[CodeExample, ...] = (
    fires("next row as a feature", _READ + 'df["next"] = df["price"].shift(-1)\n' + _END + _CUT, "LK109"),
    fires("difference to the next row", _READ + 'df["gain"] = df["price"].shift(-1) - df["price"]\n' + _END + _CUT, "LK109"),
    fires("next week by group", _READ + 'df["nw"] = df.groupby("store")["visits"].shift(-7)\n' + _END + _CUT, "LK109"),
    fires("next row by attribute", _READ + 'df["n2"] = df.temp.shift(periods=-2)\n' + _END + _CUT, "LK109"),
    fires("filled after", _READ + 'df["n3"] = df["temp"].shift(-3).fillna(0)\n' + _END + _CUT, "LK109"),
    silent("earlier row", _READ + 'df["prev"] = df["price"].shift(1)\n' + _END + _CUT),
    silent("next row is the target", _READ + 'df["sales"] = df["price"].shift(-1)\n' + _END + _CUT),
    silent("target column dropped", _READ + 'df["up"] = df["price"].shift(-1)\ny = df["up"]\nX = df.drop(columns=["up"])\n' + _CUT),
    silent("future column dropped", _READ + 'df["nx"] = df["p"].shift(-1)\ny = df["sales"]\nX = df.drop(columns=["nx", "sales"])\n' + _CUT),
    silent("trailing window", _READ + 'df["w"] = df["price"].rolling(7).mean().shift(1)\n' + _END + _CUT),
    fires("sorted by date, split at random", _READ + _SORT + _END + _RANDOM, "LK110"),
    fires("lag features, split at random", _READ + 'df["lag"] = df["sales"].shift(1)\n' + _END + _RANDOM, "LK110"),
    fires("rolling features, split at random", _READ + 'df["w"] = df["sales"].rolling(7).mean()\n' + _END + _RANDOM, "LK110"),
    fires("sorted by timestamp in place", _READ + 'df.sort_values(by="timestamp", inplace=True)\n' + _END + _RANDOM, "LK110"),
    fires(
        "shuffled folds of sorted rows",
        _READ + _SORT + 'X = df.drop(columns="sales").values\ny = df["sales"].values\n'
        "for tr, te in KFold(5, shuffle=True, random_state=0).split(X):\n"
        "    m = Ridge().fit(X[tr], y[tr])\n    print(m.score(X[te], y[te]))\n",
        "LK110",
    ),
    silent("split in order", _READ + _SORT + _END + _RANDOM.replace("random_state=0", "shuffle=False")),
    silent("cut by position", _READ + _SORT + _END + _CUT),
    silent("sorted by another column", _READ + 'df = df.sort_values("price")\n' + _END + _RANDOM),
    silent("a date that is dropped", _READ + 'df = df.drop(columns="date")\n' + _END + _RANDOM),
    silent("folds in order", _READ + _SORT + 'X = df.drop(columns="sales").values\ny = df["sales"].values\n'
           "from sklearn.model_selection import TimeSeriesSplit\nfor tr, te in TimeSeriesSplit(5).split(X):\n"
           "    m = Ridge().fit(X[tr], y[tr])\n    print(m.score(X[te], y[te]))\n"),
    fires("running figures of a patient", _READ + 'df["n"] = df.groupby("patient_id")["bp"].cumsum()\n' + _END + _RANDOM, "LK111"),
    fires("earlier rows of a customer", _READ + 'df["p"] = df.groupby("customer_id")["spend"].shift(1)\n' + _END + _RANDOM, "LK110", "LK111"),
    fires("windows of a machine", _READ + 'df["w"] = df.groupby("machine")["temp"].rolling(5).mean()\n' + _END + _RANDOM, "LK110", "LK111"),
    fires("differences of a subject", _READ + 'df["d"] = df.groupby(["subject"])["hr"].diff()\n' + _END + _RANDOM, "LK111"),
    fires("visits of a user", _READ + 'df["v"] = df.groupby("user_id")["t"].cumcount()\n' + _END + _RANDOM, "LK111"),
    silent("grouped split", _GROUPS + _READ + 'df["n"] = df.groupby("patient_id")["bp"].cumsum()\n' + _END +
           'for tr, te in GroupKFold(5).split(X, y, df["patient_id"]):\n    m = Ridge().fit(X.iloc[tr], y.iloc[tr])\n'
           "    print(m.score(X.iloc[te], y.iloc[te]))\n"),
    silent("no groups", _READ + _END + _RANDOM),
    silent("groups of a city for a table", _READ + 'print(df.groupby("city")["bp"].mean())\n' + _END + _RANDOM),
    silent("groups shown only", _READ + 'print(df.groupby("user_id")["bp"].count())\n' + _END + _RANDOM),
    silent("groups of another file", _READ + 'log = pd.read_csv("log.csv")\nlog["n"] = log.groupby("user_id")["t"].cumcount()\n' + _END + _RANDOM),
)
