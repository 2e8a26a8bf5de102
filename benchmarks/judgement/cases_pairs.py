"""Leaks by several columns, aggregates, ids and the user's own step, each with a clean twin."""

# ruff: noqa: E501 - small programs as texts

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from case import Case

Frame = pl.DataFrame
CASES: list[Case] = []


# ---------------------------------------------------------------- the user's own step


def _customers(seed: int) -> Frame:
    """Purchases of 60 customers with an honest, middling signal; some values are missing."""
    rng = np.random.default_rng(seed)
    n = 1500
    age, income = rng.integers(18, 80, n).astype(float), rng.lognormal(10, 0.6, n)
    city = rng.choice(["north", "south", "east", "west"], n, p=[0.5, 0.25, 0.15, 0.1])
    segment = rng.choice([f"s{at}" for at in range(40)], n)
    score = 0.03 * (age - 50) + 0.8 * (np.log(income) - 10) + (city == "east") + rng.normal(0, 1.2, n)
    frame = pl.DataFrame(
        {"age": age, "income": income, "city": city, "segment": segment, "bought": (score > 0.4).astype(int)}
    )
    holes = pl.Series(rng.random(n) < 0.1)
    return frame.with_columns(pl.when(holes).then(None).otherwise(pl.col("income")).alias("income"))


_HEAD = "import numpy as np\nimport polars as pl\n\n\ndef prepare(df):\n"
#: name -> (body of the function, subjects of which one must be named; none for a clean twin)
_STEPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "standard scaling": (
        (
            "    return df.with_columns(((pl.col('income') - pl.col('income').mean()) / pl.col('income').std())"
            ".alias('income_scaled')).drop('income')\n"
        ),
        ("column:income_scaled",),
    ),
    "min-max scaling": (
        "    a = pl.col('age')\n    return df.with_columns(((a - a.min()) / (a.max() - a.min())).alias('age_scaled'))\n",
        ("column:age_scaled",),
    ),
    "sklearn scaler": (
        (
            "    from sklearn.preprocessing import StandardScaler\n"
            "    return df.with_columns(pl.Series('age_z', StandardScaler().fit_transform(df[['age']].to_numpy())[:, 0]))\n"
        ),
        ("column:age_z",),
    ),
    "median imputing": (
        "    return df.with_columns(pl.col('income').fill_null(pl.col('income').median()))\n",
        ("column:income",),
    ),
    "pca": (
        (
            "    from sklearn.decomposition import PCA\n    X = df.select('age', pl.col('income').fill_null(0)).to_numpy()\n"
            "    return df.with_columns(pl.Series('pc1', PCA(1).fit_transform(X / X.std(axis=0))[:, 0]))\n"
        ),
        ("column:pc1",),
    ),
    "frequency encoding": (
        "    return df.with_columns(pl.len().over('segment').alias('n_segment'))\n",
        ("column:n_segment",),
    ),
    "quantile clipping": (
        "    c = pl.col('income')\n    return df.with_columns(c.clip(c.quantile(0.02), c.quantile(0.98)).alias('capped'))\n",
        ("column:capped",),
    ),
    "group mean": (
        "    return df.with_columns((pl.col('age') - pl.col('age').mean().over('segment')).alias('age_gap'))\n",
        ("column:age_gap",),
    ),
    "target encoding": (
        "    return df.with_columns(pl.col('bought').mean().over('segment').alias('segment_rate'))\n",
        ("column:segment_rate",),
    ),
    "smoothed target encoding": (
        (
            "    m = pl.col('bought').mean()\n    n = pl.len().over('segment')\n"
            "    rate = (pl.col('bought').sum().over('segment') + 20 * m) / (n + 20)\n"
            "    return df.with_columns(rate.alias('segment_rate'))\n"
        ),
        ("column:segment_rate",),
    ),
    "leave-one-out encoding": (
        (
            "    b, n = pl.col('bought'), pl.len().over('segment')\n"
            "    return df.with_columns(((b.sum().over('segment') - b) / (n - 1)).alias('segment_rate'))\n"
        ),
        ("column:segment_rate",),
    ),
    "running sum of the target": (
        "    return df.with_columns(pl.col('bought').cum_sum().over('segment').alias('so_far'))\n",
        ("column:so_far",),
    ),
    "oversampling": (
        "    return pl.concat([df] + [df.filter(pl.col('bought') == 1)] * 2)\n",
        ("rows",),
    ),
    "mixing new rows": (
        (
            "    d = df.filter(pl.col('bought') == 1).drop_nulls()\n    r = np.random.default_rng(0)\n"
            "    i, j, w = r.integers(0, d.height, 500), r.integers(0, d.height, 500), r.random(500)\n"
            "    mix = lambda c: d[c].to_numpy()[i] * w + d[c].to_numpy()[j] * (1 - w)\n"
            "    return pl.concat([df, d[i].with_columns(age=mix('age'), income=mix('income'))])\n"
        ),
        ("rows",),
    ),
    "feature selection by the target": (
        (
            "    r = np.random.default_rng(0)\n"
            "    noise = pl.DataFrame({f'n{k}': r.normal(size=df.height) for k in range(30)})\n"
            "    y = df['bought'].to_numpy()\n"
            "    best = sorted(noise.columns, key=lambda c: -abs(np.corrcoef(noise[c].to_numpy(), y)[0, 1]))[:5]\n"
            "    return df.hstack(noise.select(best))\n"
        ),
        ("leak",),
    ),
    "outliers by quantile": (
        "    c = pl.col('income')\n    return df.filter(c.is_null() | (c < c.quantile(0.97)))\n",
        ("rows",),
    ),
    "scaling in pandas": (
        (
            "    import pandas as pd\n    p = pd.DataFrame(df.to_dict(as_series=False))\n"
            "    p['age'] = (p['age'] - p['age'].mean()) / p['age'].std()\n    return pl.from_dicts(p.to_dict('records'))\n"
        ),
        ("column:age",),
    ),
    "dedupe and scale": (
        (
            "    d = df.unique(maintain_order=True)\n"
            "    return d.with_columns((pl.col('age') / pl.col('age').max()).alias('age_share'))\n"
        ),
        ("column:age_share",),
    ),
    "clean: logs and ratios": (
        "    return df.with_columns(pl.col('income').log().alias('log_income'), (pl.col('age') / 10).alias('decades'))\n",
        (),
    ),
    "clean: fixed limits": (
        (
            "    return df.filter(pl.col('age') > 20).with_columns(pl.col('income').clip(0, 1e5), "
            "pl.col('income').fill_null(0).alias('filled'))\n"
        ),
        (),
    ),
    "clean: dedupe": ("    return df.unique(maintain_order=True)\n", ()),
    "clean: rename and drop": ("    return df.rename({'age': 'years'}).drop('segment').drop_nulls()\n", ()),
    "clean: looks back only": (
        (
            "    past = pl.col('bought').cum_sum().shift(1).over('segment').fill_null(0)\n"
            "    return df.with_columns(past.alias('bought_before'))\n"
        ),
        (),
    ),
    "clean: fixed mapping": (
        (
            "    codes = {'north': 0, 'south': 1, 'east': 2, 'west': 3}\n"
            "    return df.with_columns(pl.col('city').replace_strict(codes, default=-1).alias('city_code'))\n"
        ),
        (),
    ),
    "clean: seeded shuffle": ("    return df.sample(fraction=1.0, shuffle=True, seed=7)\n", ()),
}


def _step_cases() -> list[Case]:
    found = []
    for name, (body, subjects) in _STEPS.items():
        if subjects == ("leak",):
            subjects = tuple(f"column:n{k}" for k in range(30))
        found.append(
            Case(
                name=f"step: {name}",
                kind="preprocessing" if subjects else "clean",
                make=_customers,
                target="bought",
                every=subjects if len(subjects) == 1 else (),
                expected=tuple(("leak.preprocessing", subject) for subject in subjects),
                spec={"data": {"prepare": "steps:prepare"}},
                code=_HEAD + body,
            )
        )
    return found


CASES += _step_cases()
Make = Callable[[int], Frame]


# ---------------------------------------------------------------- two columns


def _noise(rng: np.random.Generator, n: int, d: int = 6) -> dict[str, object]:
    """Innocent companions: numbers, counts and a kind."""
    found: dict[str, object] = {f"x{k}": rng.normal(size=n) for k in range(d)}
    found["count"] = rng.poisson(4, n)
    found["kind"] = rng.choice(["p", "q", "r"], n)
    return found


def _turned(rng: np.random.Generator, y: np.ndarray, share: float, kinds: int = 2) -> np.ndarray:
    return np.where(rng.random(y.size) < share, rng.integers(0, kinds, y.size), y) if share else y


def _two(name: str, share: float, seed: int) -> Frame:
    rng = np.random.default_rng(seed)
    n = 1500
    a, b = rng.normal(10, 3, n), rng.normal(10, 3, n)
    p, q = rng.lognormal(3, 0.7, n), rng.lognormal(3, 0.7, n)
    i, j = rng.integers(0, 2, n), rng.integers(0, 2, n)
    u, v = rng.integers(0, 400, n), rng.integers(0, 400, n)
    paid = np.where(rng.random(n) < 0.6, p, p * rng.random(n))
    s, t = rng.choice(["red", "green", "blue"], n), rng.choice(["red", "green", "blue"], n)
    rules: dict[str, tuple[object, object, np.ndarray]] = {
        "difference": (a, b, a > b),
        "sum": (a, b, a + b > 21),
        "ratio": (p, q, p / q > 1.4),
        "product": (p, q, p * q > 500),
        "unpaid": (p, paid, p - paid > 0),
        "xor bits": (i, j, i ^ j),
        "xor booleans": (i == 1, j == 1, i ^ j),
        "xor thresholds": (a, b, (a > 9) ^ (b > 11)),
        "same kind": (s, t, s == t),
        "parity": (u, v, (u + v) % 2),
        "modulo 3": (u, v, (u + v) % 3),
        "modulo 5": (u, v, (u + v) % 5),
    }
    one, two, y = rules[name]
    labels = _turned(rng, np.asarray(y).astype(int), share, int(np.max(y)) + 1)
    return pl.DataFrame({"first": one, "second": two, **_noise(rng, n), "y": labels}).select(
        "x0", "first", "kind", "x1", "second", "x2", "x3", "x4", "x5", "count", "y"
    )


def _two_numbers(name: str, noise: float, seed: int) -> Frame:
    rng = np.random.default_rng(seed)
    n = 1500
    a, b, p, q = rng.normal(10, 3, n), rng.normal(10, 3, n), rng.lognormal(3, 0.5, n), rng.lognormal(3, 0.5, n)
    start = pl.Series(rng.integers(0, 10**7, n) * 10**6 + 1_600_000_000 * 10**6).cast(pl.Datetime("us"))
    minutes = rng.lognormal(3, 0.7, n).round(2)
    end = start + pl.Series((minutes * 60e6).astype(np.int64)).cast(pl.Duration("us"))
    rules: dict[str, tuple[object, object, np.ndarray]] = {
        "sum": (a, b, a + b),
        "difference": (a, b, a - b),
        "product": (p, q, p * q),
        "ratio": (p, q, p / q),
        "duration": (start, end, minutes),
    }
    one, two, y = rules[name]
    y = y + noise * y.std() * rng.normal(size=n)
    frame = pl.DataFrame({"first": one, "second": two, **_noise(rng, n), "y": y})
    return frame.with_columns(pl.col("x0") + 0.1 * pl.col("y") / float(y.std()))


def _honest(name: str, seed: int) -> Frame:
    rng = np.random.default_rng(seed)
    n = 1500
    width, height = rng.lognormal(2, 0.4, n), rng.lognormal(2, 0.4, n)
    frame = pl.DataFrame({"width": width, "height": height, **_noise(rng, n)})
    if name == "area among the features":
        area = width * height
        return frame.with_columns(area=area, y=((np.log(area) + rng.normal(0, 0.6, n)) > 4).astype(int))
    if name == "body mass index":
        bmi = width * 10 / (height / 10) ** 2
        return frame.with_columns(bmi=bmi, y=(np.log(bmi) + rng.normal(0, 0.5, n)).round(3))
    return frame.with_columns(y=100 * (np.log(width) + np.log(height)) + rng.normal(0, 25, n))


def _pair_cases() -> list[Case]:
    found = []
    both = (("leak.combination", "columns:first,second"), ("leak.combination", "columns:second,first"))
    for name in ("difference", "sum", "ratio", "product", "unpaid", "xor bits", "xor booleans", "xor thresholds",
                 "same kind", "parity", "modulo 3", "modulo 5"):  # fmt: skip
        for share in (0.0, 0.03):
            found.append(
                Case(
                    name=f"pair: {name}, {share:.0%} noise",
                    kind="combination",
                    make=lambda seed, name=name, share=share: _two(name, share, seed),
                    target="y",
                    expected=both,
                    spec={"features": {"time": None}},
                )
            )
        found.append(
            Case(
                name=f"clean pair: {name}, a quarter random",
                kind="clean",
                make=lambda seed, name=name: _two(name, 0.25, seed),
                target="y",
            )
        )
    for name in ("sum", "difference", "product", "ratio", "duration"):
        for noise in (0.0, 0.02):
            found.append(
                Case(
                    name=f"pair of numbers: {name}, {noise:.0%} noise",
                    # a formula may be physics: asked about, not blocked
                    kind="formula" if name in ("product", "ratio") else "combination",
                    make=lambda seed, name=name, noise=noise: _two_numbers(name, noise, seed),
                    target="y",
                    expected=both,
                )
            )
        if name != "duration":
            found.append(
                Case(
                    name=f"clean pair of numbers: {name}, 15 % noise",
                    kind="clean",
                    make=lambda seed, name=name: _two_numbers(name, 0.15, seed),
                    target="y",
                )
            )
    for name in ("area among the features", "body mass index", "size"):
        found.append(
            Case(name=f"clean: {name}", kind="clean", make=lambda seed, name=name: _honest(name, seed), target="y")
        )
    return found


CASES += _pair_cases()


# ---------------------------------------------------------------- aggregates


def _shops(name: str, numeric: bool, seed: int) -> Frame:
    """Visits to 80 shops; `agg` is the aggregate in question."""
    rng = np.random.default_rng(seed)
    n = 2000
    shop, base = rng.integers(0, 80, n), rng.normal(0, 0.8, 80)
    x = rng.normal(size=(n, 4))
    score = base[shop] + x[:, 0] + 0.5 * x[:, 1]
    y = (20 + 5 * score + rng.normal(0, 5, n)) if numeric else (score + rng.normal(0, 1.5, n) > 0).astype(float)
    past = (20 + 5 * (base[shop] + rng.normal(0, 1.5, n))) if numeric else (base[shop] + rng.normal(0, 2, n) > 0) * 1.0
    count = np.bincount(shop, minlength=80)
    total = np.bincount(shop, weights=y, minlength=80)
    mean = y.mean()
    series = pl.DataFrame({"shop": shop, "y": y})
    fold = rng.integers(0, 5, n)
    out_of_fold = np.empty(n)
    for k in range(5):
        learn = fold != k
        sums = np.bincount(shop[learn], weights=y[learn], minlength=80)
        rows = np.bincount(shop[learn], minlength=80)
        out_of_fold[~learn] = ((sums + 5 * y[learn].mean()) / (rows + 5))[shop[~learn]]
    made: dict[str, np.ndarray] = {
        "group mean": (total / count)[shop],
        "smoothed rate": ((total + 10 * mean) / (count + 10))[shop],
        "group total": total[shop],
        "leave one out": (total[shop] - y) / (count[shop] - 1),
        "running sum": np.cumsum(y),
        "running mean": np.cumsum(y) / np.arange(1, n + 1),
        "moving mean": series["y"].rolling_mean(7, min_samples=1).to_numpy(),
        "running sum by shop": series.select(pl.col("y").cum_sum().over("shop"))["y"].to_numpy(),
        "clean: past rates": (np.bincount(shop, weights=past, minlength=80) / count)[shop],
        "clean: out of fold": out_of_fold,
        "clean: running sum before": np.r_[0.0, np.cumsum(y)[:-1]],
        "clean: moving mean before": series["y"].rolling_mean(7, min_samples=1).shift(1).fill_null(mean).to_numpy(),
        "clean: mean of another column": (np.bincount(shop, weights=x[:, 0], minlength=80) / count)[shop],
        "clean: shop size": count[shop].astype(float),
    }
    frame = pl.DataFrame({f"x{k}": x[:, k] for k in range(4)})
    frame = frame.with_columns(shop=pl.Series([f"shop {at}" for at in shop]), agg=made[name], y=y)
    frame = frame.with_columns(pl.col("y").cast(pl.Float64 if numeric else pl.Int64))
    return frame.drop("shop") if seed % 2 and name in ("group mean", "smoothed rate", "group total") else frame


def _aggregate_cases() -> list[Case]:
    names = ("group mean", "smoothed rate", "group total", "leave one out", "running sum", "running mean",
             "moving mean", "running sum by shop")  # fmt: skip
    clean = ("past rates", "out of fold", "running sum before", "moving mean before", "mean of another column",
             "shop size")  # fmt: skip
    found = []
    for numeric in (False, True):
        of = "numbers" if numeric else "classes"
        for name in (*names, *(f"clean: {kind}" for kind in clean)):
            leaks = not name.startswith("clean")
            found.append(
                Case(
                    name=f"aggregate of {of}: {name}",
                    kind="aggregate" if leaks else "clean",
                    make=lambda seed, name=name, numeric=numeric: _shops(name, numeric, seed),
                    target="y",
                    expected=(("leak.", "column:agg"),) if leaks else (),
                )
            )
    return found


CASES += _aggregate_cases()


# ---------------------------------------------------------------- ids


def _named_rows(name: str, seed: int) -> Frame:
    rng = np.random.default_rng(seed)
    n = 1500
    x = rng.normal(size=(n, 4))
    y = (x[:, 0] + rng.normal(0, 1.5, n) > 0).astype(int)
    serial = rng.permutation(9 * n)[:n] + 10000
    shop = np.where(rng.random(n) < 0.6, y, 1 - y)
    order = np.argsort(y + rng.normal(0, 0.1, n), kind="stable")
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    texts: dict[str, list[str]] = {
        "prefix": [f"{'NP'[k]}{s}" for k, s in zip(y, serial, strict=True)],
        "suffix": [f"{s}-{'xz'[k]}" for k, s in zip(y, serial, strict=True)],
        "path": [f"/scans/{('healthy', 'ill')[k]}/{s}.png" for k, s in zip(y, serial, strict=True)],
        "url": [f"https://a.example/{('keep', 'gone')[k]}?id={s}" for k, s in zip(y, serial, strict=True)],
        "mail": [f"user{s}@{('mail', 'corp')[k]}.example" for k, s in zip(y, serial, strict=True)],
        "sorted hash": [f"{p * 9901:012x}" for p in place],
        "clean: random": [f"{s * 7919 % 10**9:09d}" for s in serial],
        "clean: shop prefix": [f"S{k}-{s}" for k, s in zip(shop, serial, strict=True)],
        "clean: weekday": [f"{('mon', 'tue', 'wed')[s % 3]}-{s}" for s in serial],
        "clean: path": [f"/scans/{s % 5}/{s}.png" for s in serial],
    }
    whole: dict[str, np.ndarray] = {
        "range": place + 5000,
        "parity": serial * 2 + y,
        "last digit": serial * 10 + np.where(y == 1, 7, 3),
        "clean: numbers": serial,
    }
    key = pl.Series("record_id", texts[name] if name in texts else whole[name])
    frame = pl.DataFrame({"x0": x[:, 0], "x1": x[:, 1], "x2": x[:, 2], "y": y}).insert_column(0, key)
    return frame if name not in ("range", "sorted hash") or seed % 2 else frame.sort("record_id")


def _id_cases() -> list[Case]:
    names = ("prefix", "suffix", "path", "url", "mail", "sorted hash", "range", "parity", "last digit")
    clean = ("random", "shop prefix", "weekday", "path", "numbers")
    return [
        Case(
            name=f"id: {name}",
            kind="identifier" if name in names else "clean",
            make=lambda seed, name=name: _named_rows(name, seed),
            target="y",
            expected=(("leak.", "column:record_id"),) if name in names else (),
        )
        for name in (*names, *(f"clean: {kind}" for kind in clean))
    ]


CASES += _id_cases()
