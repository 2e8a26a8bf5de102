"""Bytes of a segment: what is whole is read, what is torn is cut off, what is damaged is named."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from modelwright.records.contents import contents
from modelwright.records.segments import MAGIC, scan
from tests.unit.records.log_samples import NOW_US, SCHEMA, label, prediction, segment

WHOLE = segment([SCHEMA, prediction(0)], [prediction(1), prediction(2, count=3)], [label(1, "yes")])


def ids(content: bytes, suffix: str = ".open") -> list[str]:
    found = contents(Path("s" + suffix), content)
    return [one for frame in found.predictions.values() for one in frame["request_id"].to_list()]


def test_records_come_back_as_they_were() -> None:
    found = contents(Path("s.closed"), WHOLE)
    assert not found.damage
    assert found.records == 5
    (frame,) = found.predictions.values()
    assert frame["request_id"].to_list() == ["r0", "r1", "r2", "r2", "r2"]
    assert frame["row"].to_list() == [0, 0, 0, 1, 2]
    assert frame["prediction"].to_list() == ["yes"] * 5
    assert frame["p_yes"].to_list() == [0.75] * 5
    assert frame["f_age"].to_list() == [20.5, 21.5, 22.5, 22.5, 22.5]
    assert frame["subject"].to_list() == ["hash0", "hash1", "hash2", "hash2", "hash2"]
    assert frame["f_joined"].dtype.is_temporal()
    assert found.labels is not None
    assert found.labels["label"].to_list() == ["yes"]


def test_every_cut_leaves_whole_blocks_and_is_no_damage() -> None:
    """A kill cuts a segment at any byte: only blocks that are whole are read."""
    bounds = [len(segment()), len(segment([SCHEMA, prediction(0)])), len(WHOLE)]
    for length in range(len(WHOLE)):
        found = contents(Path("s.open"), WHOLE[:length])
        assert not found.damage
        if length < bounds[0]:
            assert found.records == 0
        elif length < bounds[1]:
            assert ids(WHOLE[:length]) == []
    assert ids(WHOLE[: bounds[1]]) == ["r0"]


@pytest.mark.parametrize("tail", [bytes(300), b"\0", b"\x10\0\0\0" + bytes(40)])
def test_a_tail_that_was_never_written_is_cut_off(tail: bytes) -> None:
    found = scan(WHOLE + tail)
    assert len(found.blocks) == 3
    assert found.torn_bytes == (len(tail) if not any(tail) else 0)
    assert bool(found.damage) == any(tail)


def test_every_flipped_bit_of_a_closed_segment_is_named_and_costs_one_block_at_most() -> None:
    random_bits = random.Random(7)
    for _ in range(400):
        at = random_bits.randrange(len(WHOLE))
        flipped = WHOLE[:at] + bytes([WHOLE[at] ^ (1 << random_bits.randrange(8))]) + WHOLE[at + 1 :]
        found = contents(Path("s.closed"), flipped)
        assert found.damage, at
        if at >= len(segment([SCHEMA, prediction(0)])):
            assert ids(flipped, ".closed")[:1] == ["r0"]
        assert len(scan(flipped, closed=True).blocks) >= (0 if at < len(MAGIC) else 2)


def test_a_whole_last_block_with_a_wrong_checksum_is_damage_not_a_torn_tail() -> None:
    flipped = WHOLE[:-1] + bytes([WHOLE[-1] ^ 1])
    found = scan(flipped)
    assert found.damage
    assert not found.torn_bytes


def test_what_does_not_fit_its_schema_is_said_and_the_rest_is_read() -> None:
    bad = prediction(1, answers=(1, 1))
    wrong = prediction(2, rows=(("old", "basic", True, NOW_US, "hash"),))
    stranger = prediction(3, schema=42)
    content = segment([SCHEMA, prediction(0), bad, wrong, stranger, prediction(4)])
    found = contents(Path("s.closed"), content)
    assert ids(content, ".closed") == ["r0", "r4"]
    assert len(found.damage) == 3


def test_a_refused_row_of_a_partial_batch_has_no_values() -> None:
    row = (20.5, "basic", True, NOW_US, "hash")
    partly = prediction(0, rows=(row, None), answers=(1, None), probabilities=((0.25, 0.75), None))
    (frame,) = contents(Path("s.closed"), segment([SCHEMA, partly])).predictions.values()
    assert frame["prediction"].to_list() == ["yes", None]
    assert frame["f_age"].to_list() == [20.5, None]
    assert frame["p_yes"].to_list() == [0.75, None]
