"""The tables of the comparison: real ones, scikit-learn's own, and made ones whose structure is known.

    python benchmarks/training/tables.py [--cache FOLDER] [NAME ...]

Every tool reads the same two Parquet files per table and seed (`train.parquet`, `test.parquet`), written once to a
cache outside the repository. Columns that only name a row, or that are known only after the event, are left out for
everybody. Rows of a random split are shuffled, so that no tool sees an order that the test rows do not have; tables
marked `time` keep their order and the latest quarter is the test.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import sklearn.datasets
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
Maker = Callable[[], pl.DataFrame]
Floats = NDArray[np.float64]
#: names of metrics, as our own product calls them
Metric = Literal["roc_auc", "average_precision", "log_loss", "accuracy", "rmse"]
TaskName = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: what is predicted, how answers are judged, how its rows are divided.

    `make` returns all rows (or `most` of them are drawn with the seed); `share` is the share of test rows.
    """

    name: str
    target: str
    task: TaskName
    metric: Metric
    make: Maker
    split: Literal["random", "time"] = "random"
    most: int | None = None
    share: float = 0.25
    about: str = ""

    def parts(self, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Train and test rows of one seed, in the order in which every tool gets them."""
        rng = np.random.default_rng(7_919 * (seed + 1))
        frame = self.make()
        frame = frame.filter(pl.col(self.target).is_not_null())
        if self.most is not None and frame.height > self.most:
            frame = frame[np.sort(rng.choice(frame.height, self.most, replace=False))]
        cut = frame.height - round(frame.height * self.share)
        if self.split == "time":
            return frame[:cut], frame[cut:]
        order = rng.permutation(frame.height)
        if self.task != "regression":
            order = _stratified(order, frame[self.target].cast(pl.String).to_numpy(), self.share)
        return frame[order[:cut]], frame[order[cut:]]


def _stratified(order: NDArray[np.int64], y: NDArray[Any], share: float) -> NDArray[np.int64]:
    """The same shuffled rows with each class's share of them at the end, where the test part is cut."""
    within = np.empty(len(order))
    for label in np.unique(y):
        at = np.flatnonzero(y[order] == label)
        within[at] = (np.arange(len(at)) + 0.5) / len(at)
    late = within > 1 - share
    rng = np.random.default_rng(len(order))
    spread = np.where(late, 1.0, 0.0) + rng.random(len(order)) * 0.5
    return np.asarray(order[np.argsort(spread, kind="stable")])


def file(name: str, drop: tuple[str, ...] = (), unique: bool = False) -> Maker:
    def make() -> pl.DataFrame:
        path = DATA / name
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None)
        frame = frame.drop(*drop)
        return frame.unique(maintain_order=True) if unique else frame

    return make


def flights() -> pl.DataFrame:
    """What is known before departure; `hour` and `minute` are those of the actual departure, so they go too."""
    known = ("month", "day", "carrier", "tailnum", "flight", "origin", "dest", "distance")
    frame = pl.read_parquet(DATA / "pnw_flights.parquet").filter(pl.col("arr_delay").is_not_null())
    return frame.select(*known, late=(pl.col("arr_delay") > 15).cast(pl.Int64))


def bunch(name: str) -> Maker:
    def make() -> pl.DataFrame:
        found = getattr(sklearn.datasets, f"load_{name}")()
        frame = pl.DataFrame({str(column): found.data[:, at] for at, column in enumerate(found.feature_names)})
        return frame.with_columns(pl.Series("target", found.target))

    return make


def _numbers(X: Floats, y: NDArray[Any], **more: Any) -> pl.DataFrame:
    return pl.DataFrame({f"x{at}": X[:, at] for at in range(X.shape[1])} | more | {"y": y})


def _draw(rng: np.random.Generator, margin: Floats) -> NDArray[np.int64]:
    return np.asarray(margin + rng.logistic(size=len(margin)) > 0, dtype=np.int64)


def friedman(n: int, noise: float, extra: int = 5) -> Maker:
    """Friedman's first function (1991): a sine of a product, a square and two lines; `extra` columns say nothing."""

    def make() -> pl.DataFrame:
        rng = np.random.default_rng(n)
        X = rng.random((n, 5 + extra))
        y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
        return _numbers(X, y + noise * rng.normal(size=n))

    return make


def noisy(n: int = 2_000, width: int = 200) -> pl.DataFrame:
    """Many columns, ten of which matter a little, in a line."""
    rng = np.random.default_rng(11)
    X = rng.normal(size=(n, width))
    return _numbers(X, _draw(rng, X[:, :10] @ np.linspace(0.8, 0.2, 10)))


def crossed(n: int = 12_000) -> pl.DataFrame:
    """Categories whose pairs matter more than any of them alone, and two numbers."""
    rng = np.random.default_rng(12)
    sizes = (4, 6, 8, 12, 20, 60)
    kinds = [rng.integers(0, size, n) for size in sizes]
    X = rng.normal(size=(n, 2))
    margin = 1.2 * rng.normal(size=(4, 6))[kinds[0], kinds[1]] + 0.8 * rng.normal(size=(8, 12))[kinds[2], kinds[3]]
    margin += 0.7 * rng.normal(size=60)[kinds[5]] + 0.5 * X[:, 0] * (kinds[4] > 9)
    named = {f"k{at}": [f"level {value}" for value in kind] for at, kind in enumerate(kinds)}
    return _numbers(X, _draw(rng, margin), **named)


def levels(n: int = 20_000) -> pl.DataFrame:
    """A number that depends on two columns of many levels, seen 10 and 60 times each, and on four numbers."""
    rng = np.random.default_rng(13)
    shop, item = rng.integers(0, 2_000, n), rng.integers(0, 300, n)
    X = rng.normal(size=(n, 4))
    y = rng.normal(size=2_000)[shop] + 1.5 * rng.normal(size=300)[item] + np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    y += rng.normal(size=n)
    return _numbers(X, y, shop=[f"s{value}" for value in shop], item=[f"i{value}" for value in item])


def grades(n: int = 6_000) -> pl.DataFrame:
    """Five classes, the rarest about 2 %, cut from one curved score; a tenth of the cells is missing."""
    rng = np.random.default_rng(14)
    X = rng.normal(size=(n, 12))
    score = X[:, 0] + np.abs(X[:, 1]) + X[:, 2] * X[:, 3] + 0.7 * rng.normal(size=n)
    y = np.searchsorted(np.quantile(score, (0.5, 0.8, 0.93, 0.98)), score)
    X[rng.random(X.shape) < 0.1] = np.nan
    return _numbers(X, y).with_columns(pl.col("^x.*$").fill_nan(None))


def big(n: int = 500_000) -> pl.DataFrame:
    """500,000 rows of 24 numbers and 6 categories: the size at which a budget is hard to keep."""
    rng = np.random.default_rng(15)
    X = rng.normal(size=(n, 24)).round(4)
    sizes = (3, 8, 20, 50, 200, 1_000)
    kinds = [rng.integers(0, size, n) for size in sizes]
    margin = X[:, 0] * (kinds[0] > 0) + np.sin(2 * X[:, 1]) + 0.5 * X[:, 2] * X[:, 3] + 0.3 * X[:, 4:8].sum(axis=1)
    margin += 0.6 * rng.normal(size=50)[kinds[3]] + 0.5 * rng.normal(size=1_000)[kinds[5]]
    names = [np.asarray([f"level {value}" for value in range(size)], dtype=object) for size in sizes]
    named = {f"k{at}": pl.Series(names[at][kind], dtype=pl.String) for at, kind in enumerate(kinds)}
    return _numbers(X, _draw(rng, margin), **named)


_BINARY: dict[str, Any] = {"task": "binary", "metric": "roc_auc"}
_SEVERAL: dict[str, Any] = {"task": "multiclass", "metric": "log_loss"}
_NUMBER: dict[str, Any] = {"task": "regression", "metric": "rmse"}

_ALL = (
    Table(name="telco", target="Churn", make=file("telco_churn.csv", ("customerID",)), **_BINARY),
    Table(name="bank", target="y", make=file("bank_marketing.parquet", ("duration",)), **_BINARY),
    Table(name="bank_time", target="y", make=file("bank_marketing.parquet", ("duration",)), split="time", **_BINARY,
          about="the same in file order, which is time; the share of yes grows tenfold"),
    Table(name="bike", target="cnt", make=file("bike_hourly.csv", ("casual", "registered", "instant", "dteday")),
          **_NUMBER),
    Table(name="california", target="median_house_value", make=file("california_housing.csv"), **_NUMBER),
    Table(name="elec2", target="class", make=file("elec2_stream.parquet", ("row",)), most=20_000, **_BINARY),
    Table(name="elec2_time", target="class", make=file("elec2_stream.parquet", ("row",)), split="time", **_BINARY),
    Table(name="mammography", target="class", task="binary", metric="average_precision",
          make=file("mammography.csv", unique=True), about="exact copies left out"),
    Table(name="dry_bean", target="Class", make=file("dry_bean.parquet"), **_SEVERAL),
    Table(name="titanic", target="survived", make=file("titanic3.csv", ("boat", "body")), **_BINARY),
    Table(name="flights", target="late", make=flights, most=50_000, **_BINARY),
    Table(name="breast_cancer", target="target", make=bunch("breast_cancer"), **_BINARY),
    Table(name="diabetes", target="target", make=bunch("diabetes"), **_NUMBER),
    Table(name="wine", target="target", make=bunch("wine"), **_SEVERAL),
    Table(name="iris", target="target", make=bunch("iris"), **_SEVERAL),
    Table(name="digits", target="target", make=bunch("digits"), task="multiclass", metric="accuracy"),
    Table(name="friedman", target="y", make=friedman(10_000, 1.0), **_NUMBER),
    Table(name="friedman_small", target="y", make=friedman(400, 2.0), **_NUMBER),
    Table(name="noisy", target="y", make=noisy, **_BINARY),
    Table(name="crossed", target="y", make=crossed, **_BINARY),
    Table(name="levels", target="y", make=levels, **_NUMBER),
    Table(name="grades", target="y", make=grades, **_SEVERAL),
    Table(name="big", target="y", make=big, share=0.1, **_BINARY),
)  # fmt: skip
TABLES: dict[str, Table] = {table.name: table for table in _ALL}
#: eight tables of all tasks and sizes, for a look that takes about 35 minutes
QUICK = ("telco", "california", "elec2_time", "mammography", "dry_bean", "diabetes", "crossed", "titanic")
#: all but the one that is there for the budget
USUAL = tuple(name for name in TABLES if name != "big")


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "modelwright-benchmarks"


def materialize(name: str, seed: int, cache: Path) -> Path:
    """The folder of one table and seed with `train.parquet` and `test.parquet`; written once, whole or not at all."""
    folder = cache / "tables" / f"{name}-{seed}"
    done = folder / "digests.txt"
    if done.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    train, test = TABLES[name].parts(seed)
    lines = []
    for part, frame in (("train", train), ("test", test)):
        path = folder / f"{part}.parquet"
        frame.write_parquet(path)
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}  {frame.height} rows")
    done.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(TABLES), metavar="NAME")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for name in asked.names:
        table = TABLES[name]
        folder = materialize(name, asked.seed, asked.cache)
        train, test = (pl.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
        rows = f"{train.height:,} + {test.height:,} rows, {train.width - 1} features"
        print(f"{name:15s} {table.task:10s} {table.metric:17s} {rows:40s} {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
