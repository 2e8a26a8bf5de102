"""Who is refused because there are too many is answered at once, and then not heard for a moment."""

from __future__ import annotations

import asyncio
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
