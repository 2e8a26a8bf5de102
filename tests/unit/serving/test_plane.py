"""The plane: routes, aliases, shadows, failures, the output contract, the log, the cache and answers together."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest

from modelwright.core.errors import AdapterError, StateError
from modelwright.core.nouns import Task
from modelwright.records.prediction import CACHED, DEGRADED, REDACTED, SHADOW, Prediction, decode
from modelwright.registry.model import Model
from modelwright.serving.asking import Answer, Ask, Refused
from modelwright.serving.live import Served
from modelwright.serving.plane import Plane
from modelwright.serving.routing import Arm, Route, Table, unit, weights_by_thompson
from modelwright.serving.scoring import Outcome
from modelwright.spec.serving import ColumnPolicy, LogSpec, ServingSpec
from tests.unit.serving.served_models import ROW, Kept, served, trained


def ask(*rows: dict[str, Any], **options: Any) -> Ask:
    said = {name: options.pop(name) for name in list(options) if name in ("row_ids", "sticky", "version", "partial")}
    return Ask(model="zoo", body=json.dumps({"rows": list(rows or (ROW,)), **said}).encode(), **options)


def plane_of(*versions: int, log: Kept | None = None, spec: ServingSpec | None = None) -> Plane:
    plane = Plane(log)
    for version in versions or (1,):
        plane.put(served(version=version, spec=spec))
    return plane


def records(log: Kept) -> list[Prediction]:
    found = [decode(content) for content in log.records]
    assert all(isinstance(one, Prediction) for one in found)
    return found  # type: ignore[return-value]


def refusal(plane: Plane, request: Ask) -> Refused:
    with pytest.raises(Refused) as caught:
        plane.answer(request)
    return caught.value


# ---------------------------------------------------------------- replies


def test_the_reply_says_who_answered_what_and_how_sure() -> None:
    plane = plane_of(3)
    body = json.loads(plane.answer(ask(request_id='mine "quoted" é')).body)
    assert body["request_id"] == 'mine "quoted" é'
    assert body["model"] == {"name": "zoo", "version": 3}
    assert body["degraded"] is False
    assert body["predictions"][0] in ("no", "yes")
    assert math.isclose(sum(body["probabilities"][0].values()), 1.0)
    assert list(body) == ["request_id", "model", "degraded", "predictions", "probabilities"]


def test_a_reply_to_one_row_is_written_as_a_reply_to_many() -> None:
    for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION):
        one = served(trained("lightgbm", task), name='a "%s" name')
        batch = one.decoder.decode(ask())
        batch.request_id = "%d \\"
        outcome = one.score(batch.values)  # type: ignore[arg-type]
        predictions = one.answer(batch, outcome, "champion").predictions
        for degraded in (False, True):
            quick = one.answer(batch, outcome, "champion", degraded=degraded).body
            slow = one._body(batch, list(predictions), outcome.probabilities, degraded=degraded)
            assert quick == slow


def test_partial_answers_leave_bad_rows_empty_and_say_why() -> None:
    log = Kept()
    body = json.loads(
        plane_of(log=log).answer(ask(ROW, {**ROW, "number": "x"}, ROW, partial=True, row_ids=["a", "b", "c"])).body
    )
    assert body["predictions"][1] is None
    assert body["probabilities"][1] is None
    assert body["predictions"][0] == body["predictions"][2] is not None
    assert [(one["row"], one["field"], one["code"]) for one in body["errors"]] == [(1, "number", "request.type")]
    assert body["row_ids"] == ["a", "b", "c"]
    (record,) = records(log)
    assert record.answers[1] is None
    assert record.rows[1] is None
    assert record.row_ids == ("a", "b", "c")
    only_bad = refusal(plane_of(), ask({**ROW, "number": "x"}, partial=True))
    assert only_bad.code == "request.type"


def test_a_request_brings_its_id_or_gets_one_of_its_own() -> None:
    plane = plane_of()
    ids = {plane.answer(ask()).request_id for _ in range(50)}
    assert len(ids) == 50
    assert plane.answer(ask(request_id="r1")).request_id == "r1"


# ---------------------------------------------------------------- routes


def test_versions_are_found_by_number_and_alias() -> None:
    plane = plane_of(1, 2)
    plane.put(served(version=4), aliases=("champion",))
    assert plane.answer(ask()).version == 1
    assert plane.answer(ask(which="2")).version == 2
    assert plane.answer(ask(which="champion")).version == 4
    assert plane.answer(ask(version=2)).version == 2
    assert refusal(plane, ask(which="9")).code == "version.not_served"
    assert refusal(plane, Ask(model="other", body=b"{}")).code == "model.not_served"
    assert plane.remove("zoo", 1) is not None
    assert plane.answer(ask()).version == 4
    assert plane.remove("zoo", 1) is None
    for version in (2, 4):
        plane.remove("zoo", version)
    assert plane.models() == {}


def test_shares_of_a_route_are_kept_and_their_propensity_is_written_down() -> None:
    log = Kept()
    plane = plane_of(1, 2, log=log)
    plane.set_route(
        "zoo", Route(arms=(Arm(version=1, weight=3), Arm(version=2, weight=1, label="canary")), strategy="canary")
    )
    count = Counter(plane.answer(ask()).version for _ in range(600))
    assert 90 <= count[2] <= 210
    assert {(one.route, one.propensity) for one in records(log)} == {("champion", 0.75), ("canary", 0.25)}


def test_the_same_key_stays_with_the_same_arm_everywhere() -> None:
    table = Table(Route(arms=(Arm(version=1), Arm(version=2)), strategy="ab", salt="s"))
    chosen = {key: table.choose(key).version for key in map(str, range(2_000))}
    assert all(table.choose(key).version == version for key, version in chosen.items())
    assert 900 <= Counter(chosen.values())[1] <= 1_100
    assert unit(b"s", "key") == pytest.approx(0.14308592772972792, abs=1e-12)
    other = Table(Route(arms=(Arm(version=1), Arm(version=2)), salt="t"))
    assert {key: other.choose(key).version for key in chosen} != chosen
    plane = plane_of(1, 2)
    plane.set_route("zoo", Route(arms=(Arm(version=1), Arm(version=2)), strategy="ab"))
    assert len({plane.answer(ask(sticky="somebody")).version for _ in range(40)}) == 1


def test_a_route_that_cannot_be_is_refused() -> None:
    for arms in ((), (Arm(version=1, weight=0),), (Arm(version=1, weight=-1), Arm(version=2)), (Arm(version=1),) * 2):
        with pytest.raises(StateError):
            Route(arms=arms)
    with pytest.raises(Refused, match="version"):
        plane_of(1).set_route("zoo", Route(arms=(Arm(version=7),)))


def test_a_bandit_prefers_what_did_better_and_never_stops_asking() -> None:
    weights = weights_by_thompson({1: (50, 50), 2: (80, 20), 3: (10, 90)})
    assert weights[2] > 0.9
    assert min(weights.values()) >= 0.01
    assert math.isclose(sum(weights.values()), 1.0)
    assert weights_by_thompson({5: (0, 0)}) == {5: 1.0}


# ---------------------------------------------------------------- shadows


def test_shadows_answer_later_for_the_log_only_and_drop_when_full() -> None:
    log = Kept()
    plane = Plane(log, shadows_waiting=3)
    plane.put(served(version=1))
    plane.put(served(version=2))
    plane.set_route("zoo", Route(arms=(Arm(version=1),), shadows=(2,)))
    live = [plane.answer(ask(caller="k")) for _ in range(5)]
    assert {one.version for one in live} == {1}
    assert len(log.records) == 5
    assert plane.shadows_dropped == 2
    while plane.work_shadows():
        pass
    shadows = records(log)[5:]
    assert [(one.route, one.flags & SHADOW, one.caller) for one in shadows] == [("shadow", SHADOW, "k")] * 3
    assert [one.request_id for one in shadows] == [one.request_id for one in live[:3]]


def test_a_shadow_that_fails_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    plane = plane_of(1, 2)
    plane.set_route("zoo", Route(arms=(Arm(version=1),), shadows=(2,)))
    monkeypatch.setattr(plane.find("zoo", "2").scoring, "row", _raise)
    assert plane.answer(ask()).version == 1
    plane.work_shadows()
    assert plane.shadows_failed == 1


# ---------------------------------------------------------------- failures


def _raise(*_: Any) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize("raw", [[math.nan, 0.5], [0.7, 0.7], [math.inf, 0.0], [-0.1, 1.1], [0.5]])
def test_an_answer_that_breaks_the_contract_is_never_given(raw: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    one = served()
    fitted = one.model.members[0].fitted
    monkeypatch.setattr(type(fitted), "packed_scorer", lambda _self: lambda _row: list(raw))
    monkeypatch.setattr(type(fitted), "predict", lambda _self, X: np.array([raw] * len(X)))
    broken = Served(one.bundle, "zoo", 1)
    plane = Plane()
    plane.put(broken)
    for rows in ([ROW], [ROW] * 3):
        refused = refusal(plane, ask(*rows))
        assert refused.code == "serving.unavailable"
        assert refused.retry_after_s
    assert broken.failures == 2


def test_a_fallback_answers_in_place_of_a_model_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Kept()
    plane = plane_of(1, 2, log=log)
    first, second = plane.find("zoo", "1"), plane.find("zoo", "2")
    monkeypatch.setattr(first.scoring, "row", _raise)
    seen: list[Exception | None] = []

    def fall_back(broken: Served, request: Ask, error: Exception | None) -> Answer | None:
        seen.append(error)
        assert broken is first
        return plane.answer_by(second, request)

    plane.on_failure = fall_back
    answer = plane.answer(ask(request_id="r"))
    assert json.loads(answer.body)["degraded"] is True
    assert (answer.version, answer.route, answer.request_id) == (2, "fallback", "r")
    assert isinstance(seen[0], ZeroDivisionError)
    assert records(log)[0].flags & DEGRADED
    plane.admits = lambda one: one is not first
    plane.answer(ask())
    assert seen[1] is None
    plane.on_failure = lambda broken, request, error: plane.answer_constant(broken, request, 1, [0.25, 0.75])
    assert json.loads(plane.answer(ask(ROW, ROW)).body)["probabilities"] == [{"no": 0.25, "yes": 0.75}] * 2
    plane.on_failure = _raise
    assert refusal(plane, ask()).code == "serving.unavailable"


def test_a_log_that_cannot_take_more_lets_no_answer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Kept()
    plane = plane_of(log=log)

    def full(_record: bytes) -> None:
        raise AdapterError("The disk is full.", code="log.full")

    monkeypatch.setattr(log, "append", full)
    assert refusal(plane, ask()).code == "serving.unavailable"
    monkeypatch.setattr(log, "commit", lambda: full(b""))
    with pytest.raises(Refused):
        plane.commit()


# ---------------------------------------------------------------- the log


def test_the_log_holds_what_was_asked_and_answered() -> None:
    log = Kept()
    plane = plane_of(log=log)
    answer = plane.answer(ask(caller="key1", idempotency_key="i1"))
    (record,) = records(log)
    assert log.schemas[0].number == record.schema
    assert log.schemas[0].columns == tuple(ROW)
    assert record.rows == ((0.5, 2.0, 1_000_000_003.0, "red", "a", True, 1_706_933_106_000_000),)
    assert record.probabilities == tuple(map(tuple, answer.probabilities or ()))
    assert (record.caller, record.idempotency_key, record.request_id) == ("key1", "i1", answer.request_id)
    assert plane.commit() == 1


def test_what_may_not_be_kept_is_dropped_or_hashed() -> None:
    log = Kept()
    columns = {"label": ColumnPolicy(log="drop"), "kind": ColumnPolicy(log="hash")}
    spec = ServingSpec(columns=columns, log=LogSpec())
    plane = Plane(log)
    plane.put(served(spec=spec, key=b"k" * 32))
    plane.answer(ask())
    (record,) = records(log)
    assert record.flags & REDACTED
    row = dict(zip(log.schemas[0].columns, record.rows[0] or (), strict=True))
    assert "label" not in row
    assert row["kind"] not in ("red", None)
    assert row["number"] == 0.5


# ---------------------------------------------------------------- together


def test_requests_answered_together_get_what_they_would_get_alone() -> None:
    plane = plane_of(1, 2)
    asks = [ask({**ROW, "number": at / 7}, request_id=str(at), which=str(1 + at % 2)) for at in range(9)]
    asks[4] = ask({**ROW, "number": "x"})
    asks.append(ask(ROW, ROW, request_id="two"))
    together = plane.answer_many(asks)
    assert isinstance(together[4], Refused)
    for request, found in zip(asks, together, strict=True):
        if isinstance(found, Answer):
            assert found.body == plane.answer(request).body


def test_batching_follows_the_measured_gain_or_the_declared_wish() -> None:
    plane = plane_of()
    one = plane.find("zoo")
    one.batch_gain = 2.9
    assert not plane.batching_pays("zoo")
    one.batch_gain = 3.1
    assert plane.batching_pays("zoo")
    assert plane_of(spec=ServingSpec(batching="on")).batching_pays("zoo")
    assert not plane.batching_pays("unknown")


def test_the_cache_gives_the_same_answers_and_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Kept()
    plane = plane_of(log=log, spec=ServingSpec(cache_rows=3))
    plain = plane_of()
    rows = [{**ROW, "number": float(at % 4)} for at in range(12)]
    for row in [*rows, ROW, ROW]:
        ours, theirs = json.loads(plane.answer(ask(row)).body), json.loads(plain.answer(ask(row)).body)
        assert ours["probabilities"] == theirs["probabilities"]
    cache = plane.find("zoo").cache
    assert cache is not None
    assert (cache.hits, cache.misses) == (1, 13)
    assert records(log)[-1].flags & CACHED
    scored: list[int] = []
    real = plane.find("zoo").scoring.score

    def spy(wanted: Any) -> Outcome:
        scored.append(len(wanted))
        return real(wanted)

    monkeypatch.setattr(plane.find("zoo").scoring, "score", spy)
    batch = json.loads(plane.answer(ask(ROW, rows[0], rows[0])).body)
    assert batch["predictions"] == json.loads(plain.answer(ask(ROW, rows[0], rows[0])).body)["predictions"]
    assert scored == [1]


def test_contributions_explain_a_few_rows() -> None:
    plane = plane_of()
    found = plane.explain(ask(ROW, ROW))
    assert len(found["explanations"]) == 2
    assert {one["column"] for one in found["explanations"][0]["contributions"]} == set(ROW)
    with pytest.raises(Refused):
        plane.explain(ask(*[ROW] * 11))


@pytest.mark.parametrize("classes", [("no", "yes"), ('a "quoted" one', "back\\slash\n"), ("f\u00fcr", "")])
def test_shares_are_written_by_the_names_of_the_classes(classes: tuple[str, ...]) -> None:
    made = trained("lightgbm", Task.BINARY)
    signature = msgspec.structs.replace(made.signature, classes=classes, positive=classes[1])
    one = served(Model(signature=signature, members=made.members, decision_threshold=0.5))
    batch = one.decoder.decode(ask(*[ROW] * 3))
    outcome = one.score(batch.values)  # type: ignore[arg-type]
    body = json.loads(one.answer(batch, outcome, "champion").body)
    assert body["probabilities"] == [dict(zip(classes, p, strict=True)) for p in outcome.probabilities or ()]
