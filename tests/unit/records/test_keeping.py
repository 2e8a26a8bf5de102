"""Sealed predictions: each row once, compacted, kept as long as they may be, erased by person, and verified."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from modelwright.core.errors import AdapterError, StateError
from modelwright.records.keeping import compact, erase, retain
from modelwright.records.keys import load_key, subject_hash
from modelwright.records.manifest import Manifest
from modelwright.records.reading import Window, labels, predictions, problems, snapshot
from modelwright.records.sealing import seal
from tests.unit.records.log_samples import AMOUNTS, HOUR_US, NOW_US, SCHEMA, label, prediction, segment

DAY_US = 24 * HOUR_US


def written(folder: Path, *records: object, name: str = "20261121T140500-1-000001-aa") -> None:
    segment([SCHEMA, AMOUNTS, *records], folder=folder, name=name)


def requests(folder: Path, window: Window | None = None) -> list[str]:
    return sorted(predictions(folder, window or Window(), distinct=False).collect()["request_id"].to_list())


def three_files(folder: Path) -> None:
    for number in range(3):
        written(folder, prediction(number), prediction(10 + number, AMOUNTS), name=f"20261121T140500-1-{number:06d}-aa")
        seal(folder, NOW_US)


def test_a_row_is_the_same_before_and_after_it_is_sealed_and_compacted(tmp_path: Path) -> None:
    three_files(tmp_path)
    written(tmp_path, prediction(5, count=3), prediction(6, flags=3, row_ids=("a",)), name="20261121T140501-1-9-aa")
    order = ("request_id", "row")
    before = predictions(tmp_path, Window()).collect().sort(order)
    seal(tmp_path, NOW_US)
    sealed = predictions(tmp_path, Window()).collect().sort(order)
    assert sealed.select(before.columns).equals(before)
    compact(tmp_path, NOW_US + 2 * HOUR_US)
    assert len(snapshot(tmp_path).files) == 2, "one file for each model and hour"
    assert predictions(tmp_path, Window()).collect().sort(order).select(before.columns).equals(before)


def test_nothing_of_the_running_hour_is_compacted(tmp_path: Path) -> None:
    three_files(tmp_path)
    assert compact(tmp_path, NOW_US).merged_files == 0


def test_replaced_files_stay_for_their_readers(tmp_path: Path) -> None:
    three_files(tmp_path)
    reader = predictions(tmp_path, Window(model="churn"))
    compact(tmp_path, NOW_US + 2 * HOUR_US)
    assert reader.collect().height == 3
    compact(tmp_path, NOW_US + 3 * HOUR_US)
    assert len(list((tmp_path / "sealed").rglob("*.parquet"))) == 2


def test_windows_by_model_version_and_time(tmp_path: Path) -> None:
    written(tmp_path, *[prediction(n, at_us=NOW_US + n * HOUR_US) for n in range(4)], prediction(9, AMOUNTS))
    seal(tmp_path, NOW_US)
    at = datetime(2026, 11, 21, 15, 5, tzinfo=UTC)
    assert requests(tmp_path, Window(model="churn", since=at, until=at.replace(hour=17))) == ["r1", "r2"]
    assert requests(tmp_path, Window(model="amounts")) == ["r9"]
    assert requests(tmp_path, Window(model="churn", version=4)) == []
    assert requests(tmp_path, Window(model="nobody")) == []


def test_a_request_that_was_sent_twice_counts_once_but_a_shadow_is_another(tmp_path: Path) -> None:
    shadow = type(SCHEMA)(*(getattr(SCHEMA, name) if name != "version" else 4 for name in SCHEMA.__struct_fields__))
    written(tmp_path, shadow, prediction(0), prediction(0), prediction(0, shadow, route="shadow"))
    seal(tmp_path, NOW_US)
    assert predictions(tmp_path, Window()).collect().height == 2
    assert predictions(tmp_path, Window(), distinct=False).collect().height == 3


def test_the_last_label_that_arrived_wins(tmp_path: Path) -> None:
    written(tmp_path, prediction(0), label(0, "no", arrived_us=NOW_US + 5), label(1, 7))
    seal(tmp_path, NOW_US)
    written(tmp_path, label(0, "yes", arrived_us=NOW_US + 9), label(0, "no", arrived_us=NOW_US + 7), name="2-1-1-bb")
    found = labels(tmp_path).collect().sort("request_id")
    assert found["label"].to_list() == ["yes", "7"]
    assert found["label_value"].to_list() == [None, 7.0]


def test_retention_goes_by_model(tmp_path: Path) -> None:
    for number, days in enumerate((40, 20, 1)):
        at = NOW_US - days * DAY_US
        records = (prediction(number, at_us=at), prediction(10 + number, AMOUNTS, at_us=at))
        written(tmp_path, *records, label(number, "no", arrived_us=at), name=f"2026-1-{number:06d}-aa")
        seal(tmp_path, NOW_US)
    done = retain(tmp_path, NOW_US, {"churn": 30, "*": 10})
    assert requests(tmp_path) == ["r1", "r12", "r2"]
    assert (done.removed_rows, done.removed_labels) == (3, 1)
    assert len(list((tmp_path / "sealed").rglob("*.parquet"))) == len(snapshot(tmp_path).files)


def test_a_person_is_erased_everywhere_and_may_come_back(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    anna, ben = subject_hash("anna", key), subject_hash("ben", key)

    def of(number: int, who: str, **more: object) -> object:
        return prediction(number, rows=((1.0, "basic", True, NOW_US, who),), **more)

    written(tmp_path, of(0, anna), of(1, ben), label(0, "yes"), label(1, "no"))
    seal(tmp_path, NOW_US)
    written(tmp_path, of(2, anna), of(3, ben), of(4, ben, row_ids=(anna,)), name="20261121T140600-1-000002-aa")
    done = erase(tmp_path, NOW_US + 60, [anna])
    assert (done.removed_rows, done.removed_labels) == (1, 1)
    assert requests(tmp_path) == ["r1", "r3"], "what still stands in segments is hidden at once"
    written(tmp_path, of(5, anna, at_us=NOW_US + 100), name="20261121T140700-1-000003-aa")
    assert seal(tmp_path, NOW_US).erased_rows == 2
    assert requests(tmp_path) == ["r1", "r3", "r5"]
    assert labels(tmp_path).collect()["request_id"].to_list() == ["r1"]
    for path in (tmp_path / "sealed").rglob("*.parquet"):
        frame = pl.read_parquet(path)
        if "subject" in frame.columns:
            assert anna not in frame.filter(pl.col("request_id") != "r5")["subject"].to_list()


def test_a_damaged_segment_is_kept_until_it_names_somebody_who_is_erased(tmp_path: Path) -> None:
    content = segment([SCHEMA, prediction(0)], [prediction(1)], folder=tmp_path)
    (path,) = (tmp_path / "segments").iterdir()
    path.write_bytes(content[:-3] + b"\xff" + content[-2:])
    done = seal(tmp_path, NOW_US)
    assert requests(tmp_path) == ["r0"]
    assert list(done.damage) == [path.stem]
    assert (tmp_path / "damaged" / path.name).exists()
    erase(tmp_path, NOW_US + 60, ["hash0"])
    assert not (tmp_path / "damaged" / path.name).exists()
    assert requests(tmp_path) == []


def test_a_flipped_bit_is_named_and_never_read_nor_compacted(tmp_path: Path) -> None:
    three_files(tmp_path)
    victim = next(file for file in snapshot(tmp_path).files if file.model == "churn")
    path = tmp_path / victim.path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(AdapterError) as caught:
        predictions(tmp_path, Window())
    assert caught.value.code == "log.damaged"
    assert victim.path in caught.value.message
    assert predictions(tmp_path, Window(model="amounts")).collect().height == 3
    assert compact(tmp_path, NOW_US + 2 * HOUR_US).damaged == (victim.path,)
    assert [file.path for file, _ in problems(tmp_path, snapshot(tmp_path).files)] == [victim.path]
    with pytest.raises(AdapterError):
        erase(tmp_path, NOW_US, ["hash0"])


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    written(tmp_path, prediction(0))
    with Manifest(tmp_path).only_writer(), pytest.raises(StateError) as caught:
        seal(tmp_path, NOW_US, wait_s=0.05)
    assert caught.value.code == "log.busy"


def test_an_empty_log_is_no_problem(tmp_path: Path) -> None:
    assert predictions(tmp_path, Window()).collect().height == 0
    assert labels(tmp_path).collect().height == 0
    assert seal(tmp_path, NOW_US).segments == 0
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "manifest.sqlite").write_bytes(b"nonsense" * 1_000)
    with pytest.raises(StateError) as caught:
        predictions(tmp_path, Window())
    assert caught.value.code == "log.manifest"


def test_a_full_disk_stops_sealing_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    segment([SCHEMA, *[prediction(number) for number in range(2_000)]], folder=tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
    try:
        with pytest.raises(AdapterError) as caught:
            seal(tmp_path, NOW_US)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "log.full"
    assert not list((tmp_path / "sealed").rglob("*.writing"))
    assert len(requests(tmp_path)) == 2_000
    seal(tmp_path, NOW_US)
    assert len(requests(tmp_path)) == 2_000


def test_the_key_is_one_and_private(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    assert load_key(tmp_path) == key
    path = tmp_path / "redaction.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(StateError) as caught:
        load_key(tmp_path)
    assert caught.value.code == "log.key"
    assert subject_hash(17.0, key) == subject_hash("17", key) != subject_hash("17", key, "plan\0")
