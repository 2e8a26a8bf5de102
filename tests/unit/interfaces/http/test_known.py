"""Heads that come again are not read again, and nothing is answered otherwise because of it."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from modelwright.records.segments import scan, segment_folder
from tests.unit.interfaces.http import hosting
from tests.unit.serving import test_straight
from tests.unit.serving.served_models import served

HEAD = "POST /v1/models/churn/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


def asked(row: dict[str, Any], **options: Any) -> bytes:
    content = test_straight.body(row, **options)
    return f"{HEAD}content-length: {len(content)}\r\n\r\n".encode() + content


class Talk:
    """One connection that stays."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=60)

    def reply(self) -> tuple[int, dict[str, Any]]:
        found = http.client.HTTPResponse(self.sock, method="POST")
        found.begin()
        return found.status, json.loads(found.read())

    def replies(self, many: int) -> list[tuple[int, dict[str, Any]]]:
        """Those of requests that were sent together."""
        got = b""
        while got.count(b"]}") < many or not got.endswith(b"]}"):
            got += self.sock.recv(65536)
        parts = got.split(b"HTTP/1.1 ")[1:]
        return [(int(part[:3]), json.loads(part.partition(b"\r\n\r\n")[2])) for part in parts]

    def send(self, content: bytes) -> tuple[int, dict[str, Any]]:
        self.sock.sendall(content)
        return self.reply()


def _host(tmp_path: Path) -> hosting.Host:
    one = hosting.host(durability="group", log_folder=tmp_path)
    one.plane.put(served(test_straight.trained(), 4, name="churn"))
    one.plane.remove("churn", 3)
    return one


def test_the_same_head_again_is_answered_as_the_first_time(tmp_path: Path) -> None:
    one = _host(tmp_path)
    row = test_straight.ROW
    with hosting.serving(one):
        talk = Talk(one.port)
        first = talk.send(asked(row))
        again = [talk.send(asked(row)) for _ in range(3)]
        other = talk.send(asked({**row, "number": 0.75}))
        wrong = talk.send(asked({**row, "number": "ab"}))
        last = talk.send(asked(row))
        talk.sock.sendall(asked(row) + asked(row))
        both = talk.replies(2)
        head, _, content = asked(row).partition(b"{")
        talk.sock.sendall(head)
        parted = talk.send(b"{" + content)
        answers = {(one.port, status) for status, _ in [first, *again, other, last, *both, parted]}
        counted = {name: values for name, values in _counted(one).items() if name[0] == "http_requests"}
        talk.sock.close()
    assert answers == {(one.port, 200)}
    assert wrong[0] == 422
    assert wrong[1]["error"]["problems"][0]["field"] == "number"
    assert {body["request_id"] for _, body in (first, *again, last, *both, parted)}.__len__() == 8
    assert all(body["probabilities"] == first[1]["probabilities"] for _, body in [*again, last, *both, parted])
    assert other[1]["model"] == {"name": "churn", "version": 4}
    assert counted == {("http_requests", "churn", "200"): 9.0, ("http_requests", "-", "422"): 1.0}
    assert len(_records(tmp_path)) == 9


def test_a_key_is_asked_for_whatever_head_was_known(tmp_path: Path) -> None:
    one = _host(tmp_path)
    with hosting.serving(one):
        talk = Talk(one.port)
        assert [talk.send(asked(test_straight.ROW))[0] for _ in range(2)] == [200, 200]
        one.access.set_keys([hosting.key("secret", "predict")])
        status, body = talk.send(asked(test_straight.ROW))
        assert (status, body["error"]["code"]) == (401, "key.missing")
        with_key = asked(test_straight.ROW).replace(b"host:", b"x-api-key: secret\r\nhost:")
        assert [talk.send(with_key)[0] for _ in range(3)] == [200, 200, 200]
        one.access.set_keys([hosting.key("secret", "predict", revoked=True)])
        assert talk.send(with_key)[1]["error"]["code"] == "key.unknown"
        talk.sock.close()


def _counted(one: hosting.Host) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for reading in one.service.counters.read():
        for labels, value, suffix in reading.values:
            if not suffix:
                found[reading.name, *labels.values()] = value
    return found


def _records(folder: Path) -> list[list[Any]]:
    """The predictions that were written, as plain arrays."""
    contents = [path.read_bytes() for path in segment_folder(folder).iterdir() if path.is_file()]
    return [record for content in contents for record in scan(content).records() if record[0] == "p"]
