"""Leaks across rows and splits: near copies, groups, looking ahead, luck of many looks; each with a clean twin."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.checks.data import conflicting_labels, duplicates, group, look_ahead, near_duplicates
from modelwright.checks.model.selection import corrected, expected_luck
from modelwright.checks.strengths import table
from modelwright.core.nouns import Estimate, Severity
from modelwright.stats import natural, shingles, twins


def _cloud(moved: float | None, share: float = 0.1, n: int = 500) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(n, 6))
    if moved is not None:
        k = int(share * n)
        X[n - k :] = X[:k] + rng.normal(scale=moved, size=(k, 6))
    return {f"x{at}": X[:, at] for at in range(6)}


@pytest.mark.parametrize("by", [0.001, 0.01, 0.03])
def test_moved_copies_are_found(by: float) -> None:
    found = list(near_duplicates.PLUGIN.run(table(_cloud(by))))
    assert [(one.code, one.subject, one.severity) for one in found] == [("leak.near_duplicates", "rows", Severity.HIGH)]
    assert [0, 450] in found[0].evidence["pairs"]


def test_a_smooth_cloud_has_no_twins() -> None:
    assert not list(near_duplicates.PLUGIN.run(table(_cloud(None))))


def test_interpolated_rows_are_found() -> None:
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(300, 4))
    near = np.argsort(((Z[:60, None] - Z[None]) ** 2).sum(axis=2), axis=1)[:, 1]
    new = Z[:60] + rng.random((60, 1)) * (Z[near] - Z[:60])
    every = np.concatenate([Z, new])
    assert twins.interpolated(every, twins.slabs(every, 1000)).rows.size > 40
    assert twins.interpolated(Z, twins.slabs(Z, 1000)).rows.size == 0


def test_texts_with_a_word_changed_are_alike() -> None:
    import polars as pl

    text = "win a free prize now call this number before the end of today"
    other = "the meeting about the new office has moved to thursday at ten sharp"
    pairs = shingles.alike(pl.Series([text, other, text.replace("prize", "ticket"), None, "short"]))
    assert pairs.tolist() == [[0, 2]]


def test_coarse_columns_repeat_by_nature() -> None:
    rng = np.random.default_rng(1)
    coarse = natural.cell_hashes(rng.integers(0, 3, size=(2000, 4)))
    measured = natural.cell_hashes(rng.integers(0, 10**6, size=(2000, 4)))
    assert natural.expected_twins(coarse).mean() > 5
    assert natural.expected_twins(measured).max() < 0.05
    answers = {f"q{at}": rng.integers(0, 4, 1000) for at in range(4)} | {"y": rng.integers(0, 2, 1000)}
    found = [
        *duplicates.PLUGIN.run(table(answers, target="y")),
        *conflicting_labels.PLUGIN.run(table(answers, target="y")),
    ]
    assert all(one.severity.rank <= Severity.LOW.rank for one in found)


def test_groups_name_what_repeats_together() -> None:
    rng = np.random.default_rng(2)
    thing = np.repeat(np.arange(80), 8)
    fixed, own = rng.normal(size=(80, 3))[thing], rng.random(80)[thing]
    columns = {f"x{at}": fixed[:, at] for at in range(3)} | {"w": rng.normal(size=640)}
    leak = table({**columns, "y": (own > 0.5).astype(int)}, target="y")
    found = list(group.PLUGIN.run(leak))
    assert [(one.code, one.subject) for one in found] == [("leak.group", "columns:x0,x1,x2")]
    assert found[0].blocking
    clean = table({**columns, "y": (rng.random(640) > 0.5).astype(int)}, target="y")
    assert not list(group.PLUGIN.run(clean))


def test_a_window_over_the_past_does_not_look_ahead() -> None:
    assert not list(look_ahead.PLUGIN.run(look_ahead._leading(lead=False)))
    found = list(look_ahead.PLUGIN.run(look_ahead._leading(lead=True)))
    assert [one.subject for one in found] == ["column:x"]


def test_luck_grows_with_looks_and_the_bound_falls() -> None:
    assert expected_luck(1) == 0.0
    assert expected_luck(10) == pytest.approx(1.539, abs=0.02)  # tables of normal order statistics
    measured = Estimate(value=0.8, low=0.76, high=0.84)
    once, often = corrected(measured, 1, 1.0), corrected(measured, 20, 1.0)
    assert once == pytest.approx((0.0, 0.76), abs=1e-9)
    assert often[0] > 0.02
    assert often[1] < 0.75
