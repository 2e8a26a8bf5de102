"""Written after the rules on aggregates, pairs and the user's own step were settled, and run once."""

# ruff: noqa: E501 - small programs as texts
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from case import Case
from tables import TABLES

Frame = pl.DataFrame


# ---------------------------------------------------------------- aggregates


def _clinics(kind: str, seed: int) -> Frame:
    """Patients of doctors with 2 to 14 patients each, a skewed number and a rare label."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 15, 260)
    doctor = rng.permutation(np.repeat(np.arange(260), sizes))
    n, skill = doctor.size, rng.normal(0, 0.7, 260)
    age, pain = rng.integers(20, 90, n), rng.gamma(2, 2, n)
    risk = 0.03 * (age - 55) + 0.2 * (pain - 4) + skill[doctor] + rng.logistic(size=n)
    back = (risk > 1.5).astype(int)
    before = (0.03 * (age - 55) + skill[doctor] + rng.logistic(size=n) > 1.5).astype(int)
    days = np.exp(0.5 * risk + rng.normal(0, 0.6, n)).round(1)
    y = days if kind.startswith("days") else back
    total, count = np.bincount(doctor, weights=y), np.bincount(doctor)
    prior = float(y.mean())
    made = {
        "rate in percent": (100 * total / count)[doctor].round(2),
        "rate with the doctor": (total / count)[doctor],
        "m-estimate 10": ((total + 10 * prior) / (count + 10))[doctor],
        "lift over the mean": (total / count)[doctor] / prior,
        "leave one out": ((total[doctor] - y) / np.maximum(count[doctor] - 1, 1)),
        "days mean": (total / count)[doctor],
        "days mean, rounded": (total / count)[doctor].round(1),
        "days mean with the doctor": (total / count)[doctor],
        "clean: other patients": np.bincount(doctor, weights=before)[doctor] / count[doctor],
        "clean: share of old patients": np.bincount(doctor, weights=age > 60)[doctor] / count[doctor],
        "clean: days of another year": np.bincount(doctor, weights=days[rng.permutation(n)])[doctor] / count[doctor],
        "clean: size": count[doctor] / 14.0,
        "clean: score of another model": np.round(1 / (1 + np.exp(-(0.03 * (age - 55) + 0.2 * (pain - 4) - 1.5))), 2),
    }
    frame = pl.DataFrame({"age": age, "pain": pain, "agg": made[kind], "y": y})
    named = "with the doctor" in kind or kind == "leave one out"
    return frame.insert_column(0, pl.Series("doctor", [f"dr {at}" for at in doctor])) if named else frame


_AGGREGATES = ("rate in percent", "rate with the doctor", "m-estimate 10", "lift over the mean", "leave one out",
               "days mean", "days mean, rounded", "days mean with the doctor")  # fmt: skip
_OTHERS = ("other patients", "share of old patients", "days of another year", "size", "score of another model")


# ---------------------------------------------------------------- pairs


def _pair(kind: str, seed: int) -> Frame:
    rng = np.random.default_rng(seed)
    n = 1300
    a, b = rng.gamma(4, 3, n), rng.gamma(3, 4, n)
    u, v = rng.integers(0, 24, n), rng.integers(0, 24, n)
    rules = {
        "stock left": (a, b, a - b),
        "paid in full": (a, np.where(rng.random(n) < 0.5, a, a * 0.9), None),
        "mean of both": (a, b, (a + b) / 2),
        "one of two alarms": (a > 11, b > 11, (a > 11) ^ (b > 11)),
        "odd sum": (u, v, (u + v) % 2),
        "same hour": (u % 4, v % 4, (u % 4) == (v % 4)),
        "formula: density": (a, b, a / b),
        "formula: work": (a, b, a * b * 9.81),
        "clean: density with noise": (a, b, a / b * np.exp(rng.normal(0, 0.03, n))),
        "clean: loud alarms": (a, b, ((a > 11) ^ (b > 11)) ^ (rng.random(n) < 0.1)),
        "clean: sum with noise": (a, b, a + b + rng.normal(0, 3, n)),
    }
    one, two, y = rules[kind]
    y = (np.asarray(one) == np.asarray(two)) if y is None else np.asarray(y)
    y = y.astype(int) if y.dtype == bool else y
    return pl.DataFrame({"p": one, "noise": rng.normal(size=n), "q": two, "level": rng.choice(list("abc"), n), "y": y})


_PAIRS = ("stock left", "paid in full", "mean of both", "one of two alarms", "odd sum", "same hour",
          "formula: density", "formula: work")  # fmt: skip
_NOISY = ("density with noise", "loud alarms", "sum with noise")


# ---------------------------------------------------------------- the user's own step, on real tables

_HEAD = "import numpy as np\nimport polars as pl\nimport polars.selectors as cs\n\n\ndef prepare(df):\n"
#: table, body, subject (empty: clean)
_STEPS: dict[str, tuple[str, str, str]] = {
    "telco: robust scaling": (
        "telco",
        "    c = pl.col('MonthlyCharges')\n    return df.with_columns((c - c.median()) / (c.quantile(0.75) - c.quantile(0.25)))\n",
        "column:MonthlyCharges",
    ),
    "telco: rare kinds": (
        "telco",
        ("    n = pl.len().over('PaymentMethod')\n    return df.with_columns(pl.when(n < 1400).then(pl.lit('rare'))"
        ".otherwise(pl.col('PaymentMethod')).alias('PaymentMethod'))\n"),
        "column:PaymentMethod",
    ),
    "titanic: fare by class": (
        "titanic",
        "    return df.with_columns(pl.col('age').fill_null(pl.col('age').mean().over('pclass')))\n",
        "column:age",
    ),
    "titanic: weight of evidence": (
        "titanic",
        ("    y = pl.col('survived').cast(pl.Float64)\n    p = (y.sum().over('embarked') + 1) / (pl.len().over('embarked') + 2)\n"
        "    return df.with_columns((p / (1 - p)).log().alias('woe'))\n"),
        "column:woe",
    ),
    "breast cancer: whitening": (
        "breast_cancer",
        ("    X = df.select('mean radius', 'mean texture').to_numpy()\n    X = (X - X.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(X.T))).T\n"
        "    return df.with_columns(pl.Series('w', X[:, 1]))\n"),
        "column:w",
    ),
    "clean: telco dates and ratios": (
        "telco",
        ("    return df.with_columns((pl.col('MonthlyCharges') * pl.col('tenure')).alias('spent'), "
        "pl.col('Contract').str.to_uppercase())\n"),
        "",
    ),
    "clean: titanic title": (
        "titanic",
        "    return df.with_columns(pl.col('name').str.extract(r', (\\w+)\\.').alias('title'), pl.col('age').fill_null(-1))\n",
        "",
    ),
    "clean: breast cancer row mean": (
        "breast_cancer",
        "    return df.with_columns(pl.mean_horizontal(cs.starts_with('mean')).alias('m'))\n",
        "",
    ),
}  # fmt: skip


def _case(name: str, kind: str, make: Callable[[int], Frame], subjects: tuple[str, ...]) -> Case:
    return Case(
        name=f"held out: {name}",
        kind=kind,
        make=make,
        target="y",
        expected=tuple(("leak.", subject) for subject in subjects),
    )


CASES: list[Case] = [
    *(_case(k, "aggregate", lambda s, k=k: _clinics(k, s), ("column:agg",)) for k in _AGGREGATES),
    *(_case(k, "clean", lambda s, k=k: _clinics(f"clean: {k}", s), ()) for k in _OTHERS),
    *(
        _case(
            k,
            "formula" if k.startswith("formula") else "combination",
            lambda s, k=k: _pair(k, s),
            ("columns:p,q", "columns:q,p"),
        )
        for k in _PAIRS
    ),
    *(_case(k, "clean", lambda s, k=k: _pair(f"clean: {k}", s), ()) for k in _NOISY),
]
for _name, (_table, _body, _subject) in _STEPS.items():
    CASES.append(
        Case(
            name=f"held out step: {_name}",
            kind="preprocessing" if _subject else "clean",
            make=TABLES[_table][1],
            target=TABLES[_table][0],
            expected=(("leak.preprocessing", _subject),) if _subject else (),
            spec={"data": {"prepare": "steps:prepare"}},
            code=_HEAD + _body,
        )
    )
