"""What a request may say: the quick reading accepts exactly what a slow, strict oracle accepts, with equal values."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.serving.asking import Ask, Limits, Refused
from modelwright.serving.decoding import Decoder
from modelwright.spec.serving import ColumnPolicy, ServingSpec

NAMES = {"n": "number", "b": "boolean", "c": "category", "a:b": "text", "t": "datetime"}
SIGNATURE = Signature(
    inputs=tuple(
        SignatureField(
            name=name, type=ColumnType(kind), categories=("x", "y", "ü") if kind == "category" else None,
            low=-5.0 if kind == "number" else None, high=9.0 if kind == "number" else None,
        )
        for name, kind in NAMES.items()
    ),
    task=Task.REGRESSION,
)  # fmt: skip
GOOD: dict[str, Any] = {"n": 1.5, "b": True, "c": "x", "a:b": "some words", "t": "2024-01-02T03:04:05"}
STORED = (1.5, True, "x", "some words", datetime.fromisoformat("2024-01-02T03:04:05"))


def decoder(spec: ServingSpec | None = None, **limits: Any) -> Decoder:
    return Decoder(SIGNATURE, spec or ServingSpec(), Limits(**limits))


@lru_cache
def _plain() -> Decoder:
    return decoder()


def decode(body: bytes | dict[str, Any], spec: ServingSpec | None = None, **limits: Any) -> list[Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    one = decoder(spec, **limits) if spec or limits else _plain()
    return one.decode(Ask(model="m", body=content)).values


def code_of(body: bytes | dict[str, Any], spec: ServingSpec | None = None, **limits: Any) -> str:
    with pytest.raises(Refused) as caught:
        decode(body, spec, **limits)
    assert len(caught.value.message) > 10
    return caught.value.code


# ---------------------------------------------------------------- the oracle: plain Python, written for this test


class No(Exception):  # noqa: N818
    pass


def oracle(content: bytes) -> list[tuple[Any, ...]]:
    """The stored rows, or No. Knows nothing of the product but the rules."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in found}) != len(found):
            raise No
        return dict(found)

    def constant(_name: str) -> Any:
        raise No

    try:
        text = content.decode("utf-8", "strict")
        root = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
        json.dumps(root, ensure_ascii=False).encode("utf-8")  # a lone surrogate cannot be encoded
    except (ValueError, RecursionError) as error:
        raise No from error
    if type(root) is not dict or set(root) - {"rows", "columns", "partial"} or ("rows" in root) == ("columns" in root):
        raise No
    if type(root.get("partial", False)) is not bool:
        raise No
    rows = root["rows"] if "rows" in root else turned(root["columns"])
    if type(rows) is not list or not rows:
        raise No
    return [row_of(row) for row in rows]


def turned(columns: Any) -> list[dict[str, Any]]:
    if type(columns) is not dict or any(type(values) is not list for values in columns.values()):
        raise No
    if set(columns) != set(NAMES) or len({len(values) for values in columns.values()}) != 1:
        raise No
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def row_of(row: Any) -> tuple[Any, ...]:
    if type(row) is not dict or set(row) != set(NAMES):
        raise No
    return tuple(cell(row[name], kind) for name, kind in NAMES.items())


def cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    wanted = {"number": (int, float), "boolean": (bool,)}.get(kind, (str,))
    if type(value) not in wanted:
        raise No
    if kind == "number":
        if not math.isfinite(float(value)) or (type(value) is int and abs(value) > 2**53):
            raise No
        return float(value)
    if kind in ("category", "text"):
        return value.strip("\t\n\x0b\x0c\r \x85\xa0\u2003\u3000") or None
    if kind == "datetime":
        if not value.strip():
            return None
        try:
            found = datetime.fromisoformat(value.strip())
            return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError) as error:
            raise No from error
    return value


def agree(content: bytes) -> None:
    try:
        wanted = oracle(content)
    except No:
        assert code_of(content).startswith("request.")
        return
    found = decode(content)
    assert [[repr(value) for value in row] for row in found] == [[repr(value) for value in row] for row in wanted]


# ---------------------------------------------------------------- fuzzing

TEXTS = st.sampled_from(["x", "y", "ü", " x ", "", "a:b", "\u3000", "\\", '"', "42", "true", "z" * 40, "12:30", "é:"])
NUMBERS = st.one_of(
    st.integers(-10, 10), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([2**53, 2**53 + 1, -(2**70), 0.0, -0.0]),
)  # fmt: skip
MOMENTS = st.sampled_from(
    ["2024-01-02", "2024-01-02T03:04:05", "2024-01-02 03:04:05.123456", "2024-01-02T03:04:05Z",
     "2024-01-02T03:04:05+05:30", "0001-01-01T00:00:00+14:00", "yesterday", "", " ", "20240102"]
)  # fmt: skip
ANY = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.just([]), st.just({}))
CELLS = {"n": NUMBERS, "b": st.booleans(), "c": TEXTS, "a:b": TEXTS, "t": MOMENTS}


@st.composite
def rows(draw: Any) -> dict[str, Any]:
    row = {name: draw(st.one_of(cells, st.none())) for name, cells in CELLS.items()}
    for _ in range(draw(st.sampled_from([0, 0, 0, 1]))):
        name = draw(st.sampled_from([*NAMES, "new"]))
        row[name] = draw(ANY)
        if draw(st.booleans()):
            del row[name]
    return row


@st.composite
def written(draw: Any, value: Any) -> str:
    """JSON as somebody else would write it: other blanks, escapes, orders, and now and then a key twice."""
    if isinstance(value, dict):
        names = draw(st.permutations(list(value)))
        if names and draw(st.integers(0, 11)) == 0:
            names = [*names, draw(st.sampled_from(names))]
        parts = [f"{json.dumps(name)}{draw(BLANK)}:{draw(BLANK)}{draw(written(value[name]))}" for name in names]
        return "{" + f"{draw(BLANK)},".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(draw(written(each)) for each in value) + "]"
    if isinstance(value, str) and draw(st.integers(0, 5)) == 0:
        return '"' + "".join(f"\\u{ord(sign):04x}" for sign in value if ord(sign) < 2**16) + '"'
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


BLANK = st.sampled_from(["", "", " ", "\n\t"])


@st.composite
def requests(draw: Any) -> bytes:
    found = draw(st.lists(rows(), min_size=0, max_size=6))
    body: dict[str, Any] = {"rows": found}
    if draw(st.booleans()) and found:
        names = list(found[0])
        body = {"columns": {name: [row.get(name) for row in found] for name in names}}
    if draw(st.integers(0, 3)) == 0:
        body["partial"] = False
    return str(draw(written(body))).encode("utf-8", "surrogatepass")


JUNK = [b"", b"\xff", b'"', b",", b"NaN", b"1e400", b"\\ud800", b"}", b"\xef\xbb\xbf", b'"n":1,']


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests(), st.integers(0, 10_000), st.sampled_from([None, *JUNK]))
def test_many_requests_are_read_as_a_strict_oracle_reads_them(content: bytes, place: int, junk: bytes | None) -> None:
    at = place % (len(content) + 1)
    agree(content if junk is None else content[:at] + junk + content[at + (not junk) :])


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(requests())
def test_a_request_is_read_as_a_strict_oracle_reads_it(content: bytes) -> None:
    agree(content)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    requests(),
    st.integers(0, 10_000),
    st.sampled_from(JUNK),
)
@example(json.dumps({"rows": [GOOD]}).encode(), 0, b"\xef\xbb\xbf")
def test_a_damaged_request_is_refused_as_the_oracle_refuses_it(content: bytes, place: int, junk: bytes) -> None:
    at = place % (len(content) + 1)
    agree(content[:at] + junk + content[at + (not junk) :])


# ---------------------------------------------------------------- single rules


def test_a_good_row_becomes_what_a_table_stores() -> None:
    assert decode({"rows": [GOOD]}) == [STORED]
    assert decode({"columns": {name: [value] * 5 for name, value in GOOD.items()}}) == [STORED] * 5


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"n": "40"}, "request.type"), ({"n": True}, "request.type"), ({"n": 2**53 + 1}, "request.type"),
        ({"c": 3}, "request.type"), ({"b": "true"}, "request.type"), ({"b": 1}, "request.type"),
        ({"t": "someday"}, "request.type"), ({"t": 5}, "request.type"), ({"c": ["x"]}, "request.type"),
        ({"new": 1}, "request.unknown_field"), ({"n": {}}, "request.type"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["rows", "columns", "values"])
def test_a_wrong_value_is_refused_by_field_and_row(change: dict[str, Any], code: str, form: str) -> None:
    both = [GOOD, {**GOOD, **change}]
    listed = {name: [row.get(name, 1) for row in both] for name in both[1]}
    ask = {
        "rows": Ask(model="m", body=json.dumps({"rows": both}).encode()),
        "columns": Ask(model="m", body=json.dumps({"columns": listed}).encode()),
        "values": Ask(model="m", columns=listed),
    }[form]
    with pytest.raises(Refused) as caught:
        decoder().decode(ask)
    assert caught.value.code == code
    last = caught.value.problems[-1]
    assert (last.row, last.field) == (1, next(iter(change)))
    assert last.field in last.message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "request.json"), (b"[]", "request.schema"), (b"null", "request.schema"), (b"{}", "request.schema"),
        (b'{"rows":[]}', "request.schema"), (b'{"rows":5}', "request.schema"), (b'{"rows":[5]}', "request.type"),
        (b'{"columns":{}}', "request.schema"), (b'{"columns":[]}', "request.schema"),
        (b'{"rows":[],"columns":{}}', "request.schema"), (b'{"rows":[],"rows":[]}', "request.json"),
        (b"[" * 100_000, "request.json"), (b'{"rows":' + b"[" * 20 + b"]" * 20 + b"}", "request.json"),
        (b'{"rows":[{"n":1e400}]}', "request.json"), (b'{"rows":[{"n":-Infinity}]}', "request.json"),
        (b'{"rows":[{"c":"\\ud800"}]}', "request.json"), (b"\xef\xbb\xbf{}", "request.json"),
        (b'{"rows":[{"n":' + b"9" * 5_000 + b"}]}", "request.json"), (b'{"row":[]}', "request.unknown_field"),
        (b'{"rows":[{"n":1}]}', "request.missing_field"), (b'{"rows":[{}],"partial":1}', "request.schema"),
        (b'{"rows":[{}],"row_ids":[1]}', "request.schema"), (b'{"rows":[{}],"request_id":null}', "request.schema"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_a_code(body: bytes, code: str) -> None:
    assert code_of(body) == code


def test_caps_hold_before_and_after_decoding() -> None:
    assert code_of({"rows": [GOOD] * 4}, max_rows=3) == "request.rows"
    assert code_of({"columns": {name: [value] * 4 for name, value in GOOD.items()}}, max_rows=3) == "request.rows"
    assert code_of({"rows": [GOOD]}, max_bytes=50) == "request.size"
    assert len(decode({"rows": [{**GOOD, "a:b": "{" * 50}] * 3}, max_rows=3)) == 3


def test_a_colon_hidden_in_an_escape_does_not_hide_a_key_that_comes_twice() -> None:
    row = json.dumps({**GOOD, "a:b": "12:30"})
    hidden = row.replace("12:30", "12\\u003a30").replace('"n": 1.5', '"n": 2.5, "n": 1.5')
    assert code_of(f'{{"rows":[{hidden}]}}'.encode()) == "request.json"
    kept = row.replace("12:30", "12\\u003a30")
    assert decode(f'{{"rows":[{kept}]}}'.encode())[0][3] == "12:30"


def test_missing_values_unknown_fields_categories_and_ranges_follow_the_policy() -> None:
    strange = {**GOOD, "n": 100.0, "c": "never seen", "b": None}
    one = decoder()
    assert one.decode(Ask(model="m", body=json.dumps({"rows": [strange]}).encode())).values[0][0] == 100.0  # type: ignore[index]
    counted = {field.name: (field.nulls, field.unseen, field.outside) for field in one.fields}
    assert counted == {"n": (0, 0, 1), "b": (1, 0, 0), "c": (0, 1, 0), "a:b": (0, 0, 0), "t": (0, 0, 0)}
    assert code_of({"rows": [strange]}, ServingSpec(unseen="refuse")) == "request.category"
    assert code_of({"rows": [strange]}, ServingSpec(out_of_range="refuse")) == "request.range"
    no_null = ServingSpec(columns={"b": ColumnPolicy(null="refuse")})
    assert code_of({"rows": [strange]}, no_null) == "request.null"
    declared = ServingSpec(columns={"n": ColumnPolicy(low=0.0, high=1.0)})
    assert code_of({"rows": [GOOD]}, declared) == "request.range"
    loose = ServingSpec(unknown_fields="ignore")
    assert decode({"rows": [{**GOOD, "more": {"deep": [1]}}]}, loose) == [STORED]
    twice = json.dumps({"rows": [{**GOOD, "more": 1}]}).replace('"more": 1', '"more": 1, "more": 2')
    assert code_of(twice.encode(), loose) == "request.json"


def test_partial_answers_name_every_bad_row_and_keep_the_good_ones() -> None:
    body = {"rows": [GOOD, {**GOOD, "n": "1"}, GOOD, 7], "partial": True, "row_ids": ["a", "b", "c", "d"]}
    batch = decoder().decode(Ask(model="m", body=json.dumps(body).encode()))
    assert [row is None for row in batch.values] == [False, True, False, True]
    assert [(one.row, one.field, one.code) for one in batch.problems] == [
        (1, "n", "request.type"),
        (3, "", "request.type"),
    ]
    del body["partial"]
    with pytest.raises(Refused) as caught:
        decode(body)
    assert len(caught.value.problems) == 2


def test_at_most_twenty_problems_are_listed() -> None:
    with pytest.raises(Refused) as caught:
        decode({"rows": [{**GOOD, "n": "1"}] * 100})
    assert len(caught.value.problems) == 20


def test_columns_of_whole_numbers_are_read_and_those_beyond_a_float_refused() -> None:
    columns: dict[str, Any] = {name: [value] * 3 for name, value in GOOD.items()}
    found = decoder().decode(Ask(model="m", columns={**columns, "n": [1, None, 2.5]}))
    assert [repr(row[0]) for row in found.values if row] == ["1.0", "None", "2.5"]
    for wrong in (2**53 + 1, math.nan, math.inf, True, "1"):
        with pytest.raises(Refused) as caught:
            decoder().decode(Ask(model="m", columns={**columns, "n": [1, wrong, 2.5]}))
        assert caught.value.problems[0].row == 1
