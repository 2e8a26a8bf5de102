"""Tables without a leak, among them many with honest features that look like one: nothing may be flagged high."""

from __future__ import annotations

import numpy as np
import polars as pl
from case import Case
from numpy.typing import NDArray
from tables import TABLES, Maker

Array = NDArray[np.float64]


def _noise(rng: np.random.Generator, n: int, k: int = 5) -> dict[str, Array]:
    return {f"n{at}": rng.normal(size=n) for at in range(k)}


def _dominant(auc_noise: float, n: int = 2000) -> Maker:
    """One honest feature far ahead of weak ones; the target is graded in it."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        x, weak = rng.normal(size=n), rng.normal(size=(n, 4))
        y = (x + 0.15 * weak.sum(axis=1) + rng.normal(0, auc_noise, n) > 0.3).astype(int)
        return pl.DataFrame({"main": x, **{f"w{at}": weak[:, at] for at in range(4)}, "y": y})

    return make


def _physics(noise: float, n: int = 2000) -> Maker:
    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        a, b, c = rng.uniform(1, 10, n), rng.uniform(1, 10, n), rng.uniform(0, 1, n)
        y = a * b * (1 + rng.normal(0, noise, n)) + c
        return pl.DataFrame({"voltage": a, "current": b, "ambient": c, **_noise(rng, n, 3), "power": y})

    return make


def _xor(noise: float, n: int = 2000) -> Maker:
    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        a, b = rng.integers(0, 2, n), rng.integers(0, 2, n)
        y = np.where(rng.random(n) < noise, rng.integers(0, 2, n), a ^ b)
        return pl.DataFrame({"a": a + rng.normal(0, 0.2, n), "b": b + rng.normal(0, 0.2, n), **_noise(rng, n), "y": y})

    return make


def _rule(flips: float, n: int = 2000) -> Maker:
    """The target is a small decision tree over three features, with flipped labels."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        X = rng.uniform(0, 1, size=(n, 6))
        y = np.where(X[:, 0] > 0.6, X[:, 1] > 0.3, (X[:, 2] > 0.7) & (X[:, 1] > 0.5)).astype(int)
        y = np.where(rng.random(n) < flips, 1 - y, y)
        return pl.DataFrame({**{f"f{at}": X[:, at] for at in range(6)}, "approved": y})

    return make


def _family(width: int, noise: float, n: int = 1500) -> Maker:
    """A family of collinear measurements of one quantity that the target grades."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        size = rng.normal(size=n)
        family = {f"size_{at}": size + rng.normal(0, noise * (at + 1), n) for at in range(width)}
        y = (size + rng.normal(0, 0.2, n) > 0).astype(int)
        return pl.DataFrame({**family, **_noise(rng, n, 3), "y": y})

    return make


def _sensor(noise: float, n: int = 2000, task: str = "regression") -> Maker:
    """A strong but noisy sensor of the target, before the event, with weaker company."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        truth = rng.normal(100, 20, n)
        columns = {"sensor": truth + rng.normal(0, 20 * noise, n), "old_sensor": truth + rng.normal(0, 14, n)}
        y = truth if task == "regression" else (truth > 115).astype(int)
        return pl.DataFrame({**columns, **_noise(rng, n, 4), "y": y})

    return make


def _lag(n: int = 3000) -> Maker:
    """A slow series whose last value is nearly the next one: honest, and known beforehand."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        y = np.cumsum(rng.normal(size=n + 24)) + 50
        return pl.DataFrame(
            {"last_value": y[23:-1], "value_24_ago": y[:-24], "hour": np.arange(n) % 24, "load": y[24:]}
        )

    return make


def _classes(k: int, n: int, spread: float) -> Maker:
    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        centres, y = rng.normal(size=(k, 6)) * spread, rng.integers(0, k, n)
        X = centres[y] + rng.normal(size=(n, 6))
        return pl.DataFrame({**{f"m{at}": X[:, at] for at in range(6)}, "label": [f"c{at:02d}" for at in y]})

    return make


def _heavy(n: int = 2000) -> Maker:
    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        a, b = rng.standard_cauchy(n), rng.lognormal(0, 2, n)
        y = 3 * np.sign(a) * np.log1p(np.abs(a)) + np.log(b) + rng.standard_t(2.2, n)
        return pl.DataFrame({"a": a, "b": b, **_noise(rng, n, 4), "y": y})

    return make


def _rare(share: float, n: int = 8000, strong: float = 1.0) -> Maker:
    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n, 6))
        z = strong * (2 * X[:, 0] + X[:, 1] + 0.5 * X[:, 2]) + rng.normal(0, 1, n)
        y = (z > np.quantile(z, 1 - share)).astype(int)
        return pl.DataFrame({**{f"v{at}": X[:, at] for at in range(6)}, "fraud": y})

    return make


def _sorted(n: int = 1500) -> Maker:
    """Sorted by an honest category, as files often are."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        grade = np.sort(rng.integers(0, 7, n))
        a = rng.normal(size=n)
        y = (grade * 0.8 + a + rng.normal(0, 0.8, n) > 3.5).astype(int)
        return pl.DataFrame({"grade": [f"G{g}" for g in grade], "a": a, **_noise(rng, n, 4), "y": y})

    return make


def _missing_not_at_random(n: int = 2000) -> Maker:
    """A test is ordered for the sick: missingness tells honestly, and only in part."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        ill, age = rng.normal(size=n), rng.integers(20, 90, n)
        tested = rng.random(n) < 1 / (1 + np.exp(-2 * ill))
        y = (ill + 0.01 * age + rng.normal(0, 0.7, n) > 1).astype(int)
        value = np.where(tested, ill * 3 + rng.normal(0, 1, n), np.nan)
        frame = pl.DataFrame({"age": age, "pain": ill + rng.normal(0, 0.8, n), "lab_value": value, "y": y})
        return frame.with_columns(pl.col("lab_value").fill_nan(None))

    return make


def _hinting_names(n: int = 2500) -> Maker:
    """Innocent columns with names that sound like the outcome's."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n, 5))
        y = (1.5 * X[:, 0] + X[:, 1] + 0.5 * X[:, 2] + rng.normal(0, 1, n) > 1).astype(int)
        names = [
            "payment_history_score",
            "final_exam_grade_last_year",
            "contract_duration",
            "days_since_last_cancel",
            "x",
        ]
        return pl.DataFrame({**{name: X[:, at] for at, name in enumerate(names)}, "churned": y})

    return make


def _hinting_dominant(noise: float, n: int = 2500) -> Maker:
    """An honest leader with an unlucky name: the loan's planned duration."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        x, weak = rng.normal(size=n), rng.normal(size=(n, 4))
        y = (x + 0.5 * weak.sum(axis=1) + rng.normal(0, noise, n) > 0.4).astype(int)
        return pl.DataFrame({"loan_duration": x, **{f"w{at}": weak[:, at] for at in range(4)}, "defaulted": y})

    return make


def _price(n: int = 3000) -> Maker:
    """Diamonds-like: price is steep in the weight, with company of three sizes."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        carat = rng.gamma(2, 0.4, n) + 0.2
        side = {axis: (carat ** (1 / 3)) * 6.5 * (1 + rng.normal(0, 0.01, n)) for axis in "xyz"}
        cut = rng.choice(["Fair", "Good", "Ideal"], n)
        price = 4000 * carat**1.7 * np.where(cut == "Ideal", 1.1, 1.0) * np.exp(rng.normal(0, 0.12, n))
        return pl.DataFrame({"carat": carat, "cut": cut, **side, "price": price.round(0)})

    return make


def _fair_rule(n: int = 1500) -> Maker:
    """A policy: two honest thresholds decide exactly."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        income, debt = rng.lognormal(10, 0.5, n), rng.uniform(0, 1, n)
        y = ((income > 20_000) & (debt < 0.45)).astype(int)
        return pl.DataFrame({"income": income, "debt_ratio": debt, **_noise(rng, n, 4), "eligible": y})

    return make


SYNTHETIC: dict[str, tuple[str, Maker]] = {
    **{f"dominant_{noise}": ("y", _dominant(noise)) for noise in (0.15, 0.25, 0.4, 0.7)},
    "dominant_small": ("y", _dominant(0.3, n=120)),
    **{f"physics_{noise}": ("power", _physics(noise)) for noise in (0.0, 0.02, 0.1)},
    **{f"xor_{noise}": ("y", _xor(noise)) for noise in (0.02, 0.1)},
    **{f"tree_{flips}": ("approved", _rule(flips)) for flips in (0.0, 0.02, 0.1)},
    **{f"family_{width}_{noise}": ("y", _family(width, noise)) for width, noise in ((2, 0.05), (4, 0.1), (8, 0.02))},
    **{f"sensor_{noise}": ("y", _sensor(noise)) for noise in (0.1, 0.2, 0.4)},
    "sensor_binary": ("y", _sensor(0.15, task="binary")),
    "sensor_small": ("y", _sensor(0.2, n=150)),
    "lag": ("load", _lag()),
    "classes_5": ("label", _classes(5, 600, 2.0)),
    "classes_12": ("label", _classes(12, 900, 2.5)),
    "classes_20": ("label", _classes(20, 1500, 3.0)),
    "classes_far": ("label", _classes(5, 400, 6.0)),
    "heavy": ("y", _heavy()),
    "rare_1": ("fraud", _rare(0.01)),
    "rare_1_strong": ("fraud", _rare(0.01, strong=3.0)),
    "rare_5": ("fraud", _rare(0.05)),
    "sorted": ("y", _sorted()),
    "missing_honest": ("y", _missing_not_at_random()),
    "hinting_names": ("churned", _hinting_names()),
    **{f"hinting_dominant_{noise}": ("defaulted", _hinting_dominant(noise)) for noise in (0.3, 0.8)},
    "price": ("price", _price()),
    "policy": ("eligible", _fair_rule()),
}

CASES: tuple[Case, ...] = tuple(
    Case(name=f"clean/{name}", kind="clean", make=make, target=target)
    for name, (target, make) in (TABLES | SYNTHETIC).items()
)
