"""Tables without leaks, real and drawn: the ground on which leak cases stand, and the clean cases themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import sklearn.datasets
from case import DATA

Maker = Callable[[int], pl.DataFrame]
_ROWS = 6000


def _some(frame: pl.DataFrame, seed: int, most: int = _ROWS) -> pl.DataFrame:
    """Another part of the rows for each seed, in file order."""
    rng = np.random.default_rng(1000 + seed)
    size = min(most, int(frame.height * 0.9))
    return frame[np.sort(rng.choice(frame.height, size, replace=False))]


def bunch(name: str) -> Maker:
    def make(seed: int) -> pl.DataFrame:
        found = getattr(sklearn.datasets, f"load_{name}")()
        frame = pl.DataFrame({str(column): found.data[:, at] for at, column in enumerate(found.feature_names)})
        return _some(frame.with_columns(pl.Series("target", found.target)), seed)

    return make


def file(name: str, target: str, drop: tuple[str, ...] = (), rows: int = _ROWS) -> Maker:
    def make(seed: int) -> pl.DataFrame:
        path = DATA / name
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None)
        return _some(frame.drop(*drop).filter(pl.col(target).is_not_null()), seed, rows)

    return make


#: name -> (target, maker)
REAL: dict[str, tuple[str, Maker]] = {
    "breast_cancer": ("target", bunch("breast_cancer")),
    "wine": ("target", bunch("wine")),
    "iris": ("target", bunch("iris")),
    "digits": ("target", bunch("digits")),
    "diabetes": ("target", bunch("diabetes")),
    "telco": ("Churn", file("telco_churn.csv", "Churn")),
    "dry_bean": ("Class", file("dry_bean.parquet", "Class")),
    "california": ("median_house_value", file("california_housing.csv", "median_house_value")),
    "mammography": ("class", file("mammography.csv", "class", rows=10_000)),
    "elec2": ("class", file("elec2_stream.parquet", "class")),
    "bank": ("y", file("bank_marketing.parquet", "y", ("duration",))),
    "titanic": ("survived", file("titanic3.csv", "survived", ("boat", "body"))),
    "bike": ("cnt", file("bike_hourly.csv", "cnt", ("casual", "registered"))),
}


def plain(task: str, n: int = 1500, width: int = 8) -> Maker:
    """Graded honest features; binary (30 %), five classes, or numbers."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n, width))
        weights = rng.normal(size=width) * np.linspace(1.5, 0.2, width)
        score = X @ weights + 0.6 * X[:, 0] * X[:, 1] + rng.normal(0, 1.2, n)
        columns = {f"x{at}": X[:, at] for at in range(width)}
        columns["segment"] = rng.choice(["north", "south", "east", "west"], n)
        if task == "regression":
            return pl.DataFrame({**columns, "y": 50 + 12 * score})
        cuts = [0.7] if task == "binary" else [0.2, 0.4, 0.6, 0.8]
        codes = np.searchsorted(np.quantile(score, cuts), score)
        names = np.array(["good", "bad"] if task == "binary" else ["a", "b", "c", "d", "e"])
        return pl.DataFrame({**columns, "y": names[codes]})

    return make


def loans(seed: int, n: int = 3000) -> pl.DataFrame:
    """Applications for loans: default in about 15 %."""
    rng = np.random.default_rng(seed)
    income, amount = rng.lognormal(10.4, 0.5, n), rng.lognormal(9.2, 0.6, n)
    score, age = rng.normal(650, 70, n), rng.integers(21, 70, n)
    z = -2.4 - 0.012 * (score - 650) + 1.1 * np.log(amount / income * 3.3) + rng.normal(0, 0.7, n)
    bad = rng.random(n) < 1 / (1 + np.exp(-z))
    return pl.DataFrame(
        {
            "age": age,
            "income": income.round(0),
            "amount": amount.round(0),
            "credit_score": score.round(0),
            "purpose": rng.choice(["car", "house", "study", "other"], n, p=[0.4, 0.2, 0.1, 0.3]),
            "term_months": rng.choice([12, 24, 36, 60], n),
            "employment_years": rng.exponential(6, n).round(1),
            "defaulted": bad.astype(int),
        }
    )


def stays(seed: int, n: int = 2500) -> pl.DataFrame:
    """Hospital admissions: readmitted within 30 days, about 20 %."""
    rng = np.random.default_rng(seed)
    age, severity, prior = rng.integers(18, 95, n), rng.gamma(2, 1, n), rng.poisson(1.2, n)
    z = -3.2 + 0.015 * age + 0.35 * severity + 0.4 * prior + rng.normal(0, 0.8, n)
    return pl.DataFrame(
        {
            "age": age,
            "severity": severity.round(2),
            "prior_admissions": prior,
            "ward": rng.choice(["A", "B", "C"], n),
            "blood_pressure": rng.normal(125 + 4 * severity, 15, n).round(0),
            "lab_crp": rng.lognormal(1 + 0.2 * severity, 0.6, n).round(1),
            "readmitted": np.where(rng.random(n) < 1 / (1 + np.exp(-z)), "yes", "no"),
        }
    )


def orders(seed: int, n: int = 3000) -> pl.DataFrame:
    """Deliveries: hours until arrival, a number."""
    rng = np.random.default_rng(seed)
    distance, weight = rng.gamma(2, 150, n), rng.lognormal(1, 0.8, n)
    express, items = rng.random(n) < 0.3, rng.poisson(3, n) + 1
    hours = 6 + distance / 18 * np.where(express, 0.6, 1.0) + 0.4 * weight + rng.gamma(2, 5, n)
    return pl.DataFrame(
        {
            "distance_km": distance.round(1),
            "weight_kg": weight.round(2),
            "express": express,
            "items": items,
            "warehouse": rng.choice(["W1", "W2", "W3"], n),
            "order_hour": rng.integers(0, 24, n),
            "delivery_hours": hours.round(2),
        }
    )


DRAWN: dict[str, tuple[str, Maker]] = {
    "plain_binary": ("y", plain("binary")),
    "plain_classes": ("y", plain("classes")),
    "plain_numbers": ("y", plain("regression")),
    "small_binary": ("y", plain("binary", n=250)),
    "loans": ("defaulted", loans),
    "stays": ("readmitted", stays),
    "orders": ("delivery_hours", orders),
}
TABLES = REAL | DRAWN
