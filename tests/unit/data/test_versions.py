"""Dataset versions: same rows, same name; what changed is said by column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from modelwright.core.digests import canonical_json
from modelwright.core.tables import Dataset, RawTable
from modelwright.data.conform import conform
from modelwright.data.profile import profile
from modelwright.data.schema import infer
from modelwright.data.versions import diff, dvc_record, manifest
from modelwright.spec.model import FeaturesSpec


def dataset(frame: pl.DataFrame, digest: str) -> Dataset:
    return conform(RawTable(frame=frame, digest=digest, source="t.csv"), infer(frame, FeaturesSpec(), {}))


def frame(n: int, shift: float = 0.0) -> pl.DataFrame:
    random = np.random.default_rng(3)
    return pl.DataFrame(
        {"x": random.normal(shift, 1.0, n), "c": random.choice(["a", "b"], n), "k": [1.5, 2.5] * (n // 2)}
    )


def test_diff_names_added_removed_and_shifted_columns() -> None:
    before = manifest(dataset(frame(500), "b3:1"))
    after = manifest(dataset(frame(600, 1.0).drop("k").with_columns(z=pl.lit(0.5) + pl.int_range(600)), "b3:2"))
    found = diff(before, after)
    assert (found.added, found.removed, found.rows_after - found.rows_before) == (("z",), ("k",), 100)
    shifted = [change for change in found.changed if change.column == "x"]
    assert shifted[0].shift is not None
    assert shifted[0].shift > 0.25
    assert "+100 rows" in found.summary


def test_the_same_version_has_no_difference() -> None:
    one = manifest(dataset(frame(500), "b3:1"))
    assert diff(one, one).same
    assert diff(one, manifest(dataset(frame(500), "b3:1"))).changed == ()


def test_a_changed_value_is_seen_by_its_column() -> None:
    other = frame(500).with_columns(k=pl.when(pl.int_range(500) == 7).then(2.0).otherwise(pl.col("k")))
    found = diff(manifest(dataset(frame(500), "b3:1")), manifest(dataset(other, "b3:2")))
    assert {change.column for change in found.changed} == {"k"}


def test_dvc_files_are_read_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "t.csv.dvc").write_text("outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  path: t.csv\n")
    found = dvc_record("t.csv", tmp_path)
    assert found is not None
    assert (found.md5, found.path) == ("d41d8cd98f00b204e9800998ecf8427e", "t.csv")
    assert dvc_record("other.csv", tmp_path) is None


def test_a_profile_is_json_and_counts_what_is_there() -> None:
    table = pl.DataFrame({"x": [1.0, 2.0, float("nan"), float("inf")] * 5, "s": ["a", "b", "", None] * 5})
    found = profile(dataset(table, "b3:1"))
    canonical_json(found)
    assert found["columns"]["x"]["missing"] == 10
    assert found["columns"]["s"]["missing"] == 10
    assert found["columns"]["x"]["max"] == 2.0
    assert found["duplicate_rows"] == 17
    assert found["coercions"][0]["count"] == 5
