"""Who is refused because there are too many is answered at once, and then not heard for a moment."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from pathlib import Path

from modelwright.serving.shedding import Shedder
from tests.unit.interfaces.http import hosting
from tests.unit.interfaces.http.test_known import Talk, asked
from tests.unit.serving import test_straight
from tests.unit.serving.served_models import served


def _later(work: object) -> None:
    asyncio.get_running_loop().call_soon(work)  # type: ignore[arg-type]


def test_a_refused_connection_gets_its_refusals_slowly_and_an_answer_once_there_is_room(tmp_path: Path) -> None:
    full = threading.Event()
    full.set()

    class Full(Shedder):
        def inline(self, now: float) -> bool:
            return not full.is_set()

    one = hosting.host(durability="group", log_folder=tmp_path, shedder=Full(_later, most=0))
    content = asked({**hosting.ROW})
    with hosting.serving(one):
        hammers = [Talk(one.port) for _ in range(40)]
        for _ in range(3):  # more of them than are heard at once, and none is forgotten
            for talk in hammers:
                talk.sock.sendall(content)
            for talk in hammers:
                status, body = talk.reply()
                assert (status, body["error"]["code"]) == (503, "serving.busy")
        full.clear()
        for talk in hammers:
            talk.sock.sendall(content)
        assert {talk.reply()[0] for talk in hammers} == {200}
        for talk in hammers:
            talk.sock.close()


def test_a_refusal_says_when_to_come_back_and_each_has_an_id_of_its_own(tmp_path: Path) -> None:
    """Whether its head was known or had to be read, and as any other refusal."""
    full = threading.Event()

    class Full(Shedder):
        def inline(self, now: float) -> bool:
            return not full.is_set()

    one = hosting.host(durability="group", log_folder=tmp_path, shedder=Full(_later, most=0))
    content = asked({**hosting.ROW})
    with hosting.serving(one):
        talk, ids = Talk(one.port), set()
        assert talk.send(content)[0] == 200
        full.set()
        for change in (b"", b"x-other: 1\r\n", b"", b"x-other: 1\r\n"):
            talk.sock.sendall(content.replace(b"content-type", change + b"content-type"))
            reply = http.client.HTTPResponse(talk.sock, method="POST")
            reply.begin()
            error = json.loads(reply.read())["error"]
            assert (reply.status, error["code"], reply.headers["retry-after"]) == (503, "serving.busy", "1")
            assert reply.headers["x-request-id"] == error["request_id"]
            assert reply.headers["date"]
            assert reply.headers["x-content-type-options"] == "nosniff"
            ids.add(error["request_id"])
        assert len(ids) == 4
        full.clear()
        assert talk.send(content)[0] == 200
        talk.sock.close()


def test_what_waited_for_its_turn_is_answered_quickly_too(tmp_path: Path) -> None:
    """Every request is deferred: the queue, not the reading, answers."""

    class Queue(Shedder):
        def inline(self, now: float) -> bool:
            return False

    shedder = Queue(_later)
    one = hosting.host(durability="group", log_folder=tmp_path, shedder=shedder)
    one.plane.put(served(test_straight.trained(), 3, name="churn"))
    with hosting.serving(one):
        talk = Talk(one.port)
        replies = [talk.send(asked(test_straight.ROW)) for _ in range(4)]
        talk.sock.close()
    assert [status for status, _ in replies] == [200] * 4
    assert len({json.dumps(body["probabilities"]) for _, body in replies}) == 1
    assert shedder.cost_s > 0
