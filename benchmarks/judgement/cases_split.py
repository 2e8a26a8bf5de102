"""Leaks across rows and splits: copies, near copies, groups, time and contradicting labels, each beside clean twins."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
from case import Case
from tables import TABLES, Maker

RANDOM = {"data": {"split": {"kind": "random"}}}


def _rows(frame: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return frame[rng.choice(frame.height, max(8, int(share * frame.height)), replace=False)]


def _mixed(frame: pl.DataFrame, more: pl.DataFrame, seed: int) -> pl.DataFrame:
    return pl.concat([frame, more]).sample(fraction=1.0, shuffle=True, seed=seed)


def copied(base: Maker, share: float) -> Maker:
    def make(seed: int) -> pl.DataFrame:
        frame = base(seed)
        return _mixed(frame, _rows(frame, share, seed), seed)

    return make


def moved(base: Maker, target: str, share: float, by: float) -> Maker:
    """Copies whose fractions are moved by `by` standard deviations."""

    def make(seed: int) -> pl.DataFrame:
        frame, rng = base(seed), np.random.default_rng(seed + 1)
        more = _rows(frame, share, seed)
        changed = [
            more[name] + rng.normal(scale=by * float(np.nanstd(frame[name].to_numpy())), size=more.height)
            for name in more.columns
            if name != target and more[name].dtype.is_float()
        ]
        return _mixed(frame, more.with_columns(changed), seed)

    return make


def edited(base: Maker, target: str, share: float, field: str) -> Maker:
    """Copies with another row's value in one field."""

    def make(seed: int) -> pl.DataFrame:
        frame, more = base(seed), _rows(base(seed), share, seed)
        return _mixed(frame, more.with_columns(_rows(frame, 1.0, seed + 2)[field].head(more.height)), seed)

    return make


def rewritten(base: Maker, target: str, share: float) -> Maker:
    """Copies with texts in capitals and blanks around them."""

    def make(seed: int) -> pl.DataFrame:
        frame = base(seed)
        texts = [n for n in frame.columns if n != target and frame[n].dtype == pl.String]
        more = _rows(frame, share, seed).with_columns(
            (pl.lit(" ") + pl.col(name)).str.to_uppercase().alias(name) for name in texts
        )
        return _mixed(frame, more, seed)

    return make


def interpolated(base: Maker, target: str, share: float) -> Maker:
    """Rows on the line to a near row of the same class, as SMOTE makes them."""

    def make(seed: int) -> pl.DataFrame:
        frame, rng = base(seed), np.random.default_rng(seed)
        names = [name for name in frame.columns if name != target]
        X, y = frame.select(names).to_numpy().astype(np.float64), frame[target].to_numpy()
        Z = X / np.maximum(X.std(axis=0), 1e-12)
        new, labels = [], []
        for row in rng.choice(X.shape[0], int(share * X.shape[0]), replace=False):
            like = np.flatnonzero(y == y[row])
            near = like[np.argsort(((Z[like] - Z[row]) ** 2).sum(axis=1))[1:6]]
            new.append(X[row] + rng.random() * (X[rng.choice(near)] - X[row]))
            labels.append(y[row])
        more = pl.DataFrame(np.asarray(new), schema=names).with_columns(pl.Series(target, labels))
        return _mixed(frame.with_columns(pl.col(names).cast(pl.Float64)), more.select(frame.columns), seed)

    return make


def contradicted(base: Maker, target: str, share: float) -> Maker:
    """Copies that carry another row's label."""

    def make(seed: int) -> pl.DataFrame:
        frame = base(seed)
        kinds = frame[target].unique().sort()
        more = _rows(frame, share, seed)
        other = dict(zip(kinds, [*kinds[1:], kinds[0]], strict=True))
        return _mixed(frame, more.with_columns(pl.col(target).replace_strict(other)), seed)

    return make


def grouped(name: str, *, effect: float, print_noise: float, size: int, number: bool = False) -> Maker:
    """Things with `size` rows each: an effect on the target, and features that give the thing away (or do not)."""

    def make(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        n_groups = 800 // size
        thing = np.repeat(np.arange(n_groups), size)
        X = rng.normal(size=(n_groups, 4))[thing] + print_noise * rng.normal(size=(thing.size, 4))
        w = rng.normal(size=(thing.size, 2))
        own = rng.normal(size=n_groups)[thing] if effect else rng.normal(size=thing.size)
        z = 1.5 * own + w[:, 0] + 0.5 * rng.normal(size=thing.size)
        codes = rng.permutation(n_groups)[thing]
        columns = {f"x{k}": X[:, k] for k in range(4)} | {"w0": w[:, 0], "w1": w[:, 1]}
        frame = pl.DataFrame({**columns, "y": z if number else (z > 0).astype(int)})
        if name:
            frame = frame.with_columns(pl.Series(name, [f"K{code:04d}" for code in codes]))
        return frame.sample(fraction=1.0, shuffle=True, seed=seed)

    return make


def timed(clock: str, drift: str, *, number: bool = False) -> Maker:
    """Rows over two years; the relation turns from one feature to another, or stays."""

    def make(seed: int) -> pl.DataFrame:
        rng, n = np.random.default_rng(seed), 2000
        at = np.arange(n) / n
        x = rng.normal(size=(n, 4))
        turn = np.clip((at - 0.4) / 0.5, 0, 1) if drift else np.zeros(n)
        z = (1 - turn) * x[:, 0] + turn * x[:, 1] + 0.5 * x[:, 2] + 0.5 * rng.normal(size=n)
        frame = pl.DataFrame({f"x{k}": x[:, k] for k in range(4)} | {"y": z if number else (z > 0).astype(int)})
        moments = [
            dt.datetime(2022, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=8 * int(k))
            for k in range(n)
        ]
        if clock == "date":
            frame = frame.with_columns(pl.Series("recorded_at", moments))
        elif clock == "parts":
            parts = {"year": "year", "month": "month", "day": "day"}
            frame = frame.with_columns(pl.Series(k, [getattr(m, v) for m in moments]) for k, v in parts.items())
        else:
            frame = frame.with_columns(pl.Series("period", (at * 50).astype(int)))
        return frame.sample(fraction=1.0, shuffle=True, seed=seed)

    return make


def ahead(kind: str, *, shuffled: bool, memory: float) -> Maker:
    """A series with one column that looks back (clean) or ahead."""

    def make(seed: int) -> pl.DataFrame:
        rng, n = np.random.default_rng(seed), 1500
        y = np.zeros(n)
        for k, step in enumerate(rng.normal(size=n)):
            y[k] = memory * y[k - 1] + step
        s = pl.Series("y", y)
        made = {
            "lead": s.shift(-1),
            "forward": s.rolling_mean(5).shift(-5),
            "centred": s.rolling_mean(7, center=True),
            "lag": s.shift(1),
            "past": s.rolling_mean(7).shift(1),
        }[kind]
        frame = pl.DataFrame({"day": np.arange(n), "x": made, "z": rng.normal(size=n), "y": s})
        return frame.sample(fraction=1.0, shuffle=True, seed=seed) if shuffled else frame

    return make


def _cases() -> list[Case]:
    found: list[Case] = []
    for name, (target, base) in TABLES.items():
        found += _of_table(name, base, target)
    for name in ("patient_id", "pid", "shop", "k7", ""):
        subject = (("leak.group", f"column:{name}"),) if name else (("leak.group", "column:x0"),)
        for size in (5, 10):
            for noise in (0.0, 0.05):
                if not name and noise:
                    continue
                for number in (False, True):
                    label = f"{name or 'unnamed'}-{size}-{noise}-{'number' if number else 'class'}"
                    options: dict[str, Any] = {"print_noise": noise, "size": size, "number": number}
                    leak = grouped(name, effect=1.5, **options)
                    clean = grouped(name, effect=0.0, **options)
                    found.append(
                        Case(name=f"group-{label}", kind="group", make=leak, target="y", expected=subject, spec=RANDOM)
                    )
                    found.append(Case(name=f"group-none-{label}", kind="clean", make=clean, target="y", spec=RANDOM))
    for clock in ("date", "parts", "period"):
        for number in (False, True):
            label = f"{clock}-{'number' if number else 'class'}"
            leak, clean = timed(clock, "turn", number=number), timed(clock, "", number=number)
            expected = (("leak.time", "split"),)
            found.append(Case(name=f"time-{label}", kind="time", make=leak, target="y", expected=expected, spec=RANDOM))
            found.append(Case(name=f"time-steady-{label}", kind="clean", make=clean, target="y", spec=RANDOM))
    for kind in ("lead", "forward", "centred", "lag", "past"):
        for memory in (0.0, 0.8):
            for shuffled in (False, True):
                honest = kind in ("lag", "past")
                found.append(
                    Case(
                        name=f"ahead-{kind}-{memory}-{'shuffled' if shuffled else 'ordered'}",
                        kind="clean" if honest else "time",
                        make=ahead(kind, shuffled=shuffled, memory=memory),
                        target="y",
                        expected=() if honest else (("leak.time", "column:x"),),
                        spec=RANDOM,
                    )
                )
    return found


def _of_table(name: str, base: Maker, target: str) -> list[Case]:
    """Row leaks of one table; each table itself is a clean twin in `cases_clean`."""
    frame = base(0)
    fractions = [n for n in frame.columns if n != target and frame[n].dtype.is_float() and frame[n].null_count() == 0]
    texts = [n for n in frame.columns if n != target and frame[n].dtype == pl.String]
    near = (("leak.near_duplicates", "rows"),)
    twice = (("data.duplicates", "data"), ("leak.overlap", "split:test"))
    found = [
        Case(name=f"copied-{share}-{name}", kind="overlap", make=copied(base, share), target=target, expected=twice)
        for share in (0.05, 0.2)
    ]
    if len(fractions) >= 4 and len(fractions) >= len(frame.columns) // 2:
        for by in (0.001, 0.01):
            make = moved(base, target, 0.1, by)
            found.append(
                Case(name=f"moved-{by}-{name}", kind="near_duplicate", make=make, target=target, expected=near)
            )
        make = edited(base, target, 0.1, fractions[0])
        found.append(Case(name=f"edited-{name}", kind="near_duplicate", make=make, target=target, expected=near))
    if len(fractions) == len(frame.columns) - 1 and not frame[target].dtype.is_float() and frame.height < 6000:
        make = interpolated(base, target, 0.25)
        found.append(Case(name=f"smote-{name}", kind="near_duplicate", make=make, target=target, expected=near))
    if len(texts) >= 3 or "text" in texts or "message" in texts:
        make = rewritten(base, target, 0.1)
        found.append(Case(name=f"rewritten-{name}", kind="near_duplicate", make=make, target=target, expected=near))
    if frame[target].n_unique() <= 10:
        make = contradicted(base, target, 0.08)
        torn = (("data.conflicting_labels", f"column:{target}"),)
        found.append(Case(name=f"torn-{name}", kind="conflicting_labels", make=make, target=target, expected=torn))
    return found


CASES = _cases()
