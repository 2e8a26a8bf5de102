"""H2 to H10 and H18 over real sockets, through both lanes: refused clearly, and the next request is answered."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from modelwright.interfaces.http.service import Wire
from modelwright.serving.asking import Limits
from tests.unit.interfaces.http import hosting

LIMITS = Limits(max_bytes=200_000, max_rows=500)
WIRE = Wire(header_timeout_s=1.0, body_timeout_s=1.0, keep_alive_s=60.0)


@pytest.fixture(scope="module", params=["fast", "asgi"])
def door(request: pytest.FixtureRequest) -> Iterator[hosting.Host]:
    made = hosting.host(limits=LIMITS, wire=WIRE)
    with hosting.serving(made, fast=request.param == "fast") as one:
        yield one


@pytest.fixture(autouse=True)
def still_answers(door: hosting.Host) -> Iterator[None]:
    """Whatever was sent, a good client gets its answer, and nothing unexpected has happened."""
    yield
    status, headers, content = door.call("POST", hosting.PATH, hosting.body())
    assert status == 200
    assert json.loads(content)["predictions"] == ["yes"]
    assert "incident" not in repr(headers)


def _head(target: bytes, *lines: bytes, method: bytes = b"POST", length: int | None = None) -> bytes:
    given = [b"Host: localhost", b"Content-Type: application/json", b"Connection: close", *lines]
    if length is not None:
        given.append(b"Content-Length: %d" % length)
    return b"%b %b HTTP/1.1\r\n%b\r\n\r\n" % (method, target, b"\r\n".join(given))


def _status(got: bytes) -> int:
    assert got.startswith(b"HTTP/1.1 "), got[:200]
    return int(got[9:12])


def _code(got: bytes) -> str:
    return str(json.loads(got.partition(b"\r\n\r\n")[2])["error"]["code"])


BAD_TARGETS = [
    b"//v1/models/churn/predict", b"/v1//models/churn/predict", b"/v1/models/churn;x=1/predict",
    b"/v1/models/..%2f..%2fetc/predict", b"/v1/models/%252e%252e/predict", b"/v1/models/a%00b/predict",
    b"/v1/models/%c0%ae%c0%ae/predict", b"/v1/models/../churn/predict", b"/v1/models/./churn/predict",
    b"/v1/models/churn/predict/..", b"http://localhost/v1/models/churn/predict", b"/v1/models/churn/predict?x=1",
    b"/v1/models/churn/predict?", b"/v1/models/ch\\urn/predict", b"/v1/models/churn%2fpredict",
    b"/v1/models/" + b"a" * 3000 + b"/predict", b"/v1/models/<script>/predict", b"*", b"churn/predict",
]  # fmt: skip


HARMLESS = {b"http://localhost/v1/models/churn/predict", b"/v1/models/churn/predict?"}


@pytest.mark.parametrize("target", BAD_TARGETS)
def test_a_path_that_two_readers_could_read_differently_reaches_no_handler(door: hosting.Host, target: bytes) -> None:
    if not door.fast and target in HARMLESS:
        pytest.skip("uvicorn has taken it apart before the application sees it, and it means the same")
    before = door.plane.find("churn").requests
    got = door.raw(_head(target, length=len(hosting.body())) + hosting.body())
    assert _status(got) in (400, 404), got[:300]
    assert door.plane.find("churn").requests == before


@pytest.mark.parametrize("host", [b"evil.example", b"evil.example:8080", b"127.0.0.1.evil.example", b"localhost.evil"])
@pytest.mark.parametrize("method", [b"GET", b"POST", b"HEAD", b"OPTIONS", b"DELETE"])
def test_a_foreign_host_is_refused_whatever_the_verb(door: hosting.Host, host: bytes, method: bytes) -> None:
    for target in (b"/health/live", b"/docs", b"/v1/models/churn/predict"):
        got = door.raw(b"%b %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % (method, target, host))
        assert _status(got) == 403


@pytest.mark.parametrize("host", [b"x/health?", b"localhost#", b"a b", b"", b"user@localhost", b"localhost:port"])
def test_a_host_that_is_none_is_refused(door: hosting.Host, host: bytes) -> None:
    got = door.raw(b"GET /health/live HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host)
    assert _status(got) == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1", "file://"]
)
def test_pages_of_other_places_are_refused(door: hosting.Host, origin: str) -> None:
    for method, path in (("POST", hosting.PATH), ("GET", "/docs"), ("OPTIONS", hosting.PATH)):
        content = hosting.body() if method == "POST" else None
        assert door.call(method, path, content, {"origin": origin, "cookie": "session=1"})[0] == 403
    own = {"origin": f"http://127.0.0.1:{door.port}"}
    assert door.call("POST", hosting.PATH, hosting.body(), own)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"}, {"content-type": "multipart/form-data; boundary=x"}, {"content-type": ""},
        {"content-type": "application/x-www-form-urlencoded"}, {"content-type": "application/x-python-pickle"},
        {"content-type": "application/octet-stream"}, {"content-encoding": "gzip"}, {"content-encoding": "br, gzip"},
    ],
)  # fmt: skip
def test_only_plain_json_is_taken(door: hosting.Host, headers: dict[str, str]) -> None:
    content = gzip.compress(hosting.body()) if "content-encoding" in headers else hosting.body()
    status, _, said = door.call("POST", hosting.PATH, content, headers)
    assert (status, json.loads(said)["error"]["code"]) == (415, "request.media_type")


def test_a_json_type_may_name_its_charset(door: hosting.Host) -> None:
    assert (
        door.call("POST", hosting.PATH, hosting.body(), {"content-type": "Application/JSON; charset=utf-8"})[0] == 200
    )


def test_ten_thousand_ranges_cost_nothing(door: hosting.Host) -> None:
    ranges = b"Range: bytes=" + b",".join(b"%d-%d" % (n, n) for n in range(2_000))
    plain = door.raw(_head(b"/openapi.json", method=b"GET"))
    got = door.raw(_head(b"/openapi.json", ranges, method=b"GET"))
    assert _status(got) == 200  # and not 206: ranges mean nothing here
    assert len(got.partition(b"\r\n\r\n")[2]) == len(plain.partition(b"\r\n\r\n")[2])


def test_an_announced_body_that_is_too_large_is_refused_before_it_is_sent(door: hosting.Host) -> None:
    got = door.raw(_head(b"/v1/models/churn/predict", length=1 << 30))
    assert (_status(got), _code(got)) == (413, "request.size")


def test_a_client_that_sends_too_much_can_still_read_why(door: hosting.Host) -> None:
    if not door.fast:
        pytest.skip("plain uvicorn closes at once; the lane reads on for a moment")
    content = hosting.body() + b" " * (3 << 20)
    status, _, said = door.call("POST", hosting.PATH, content)
    assert (status, json.loads(said)["error"]["code"]) == (413, "request.size")


def test_a_chunked_body_is_counted_while_it_arrives(door: hosting.Host) -> None:
    head = _head(b"/v1/models/churn/predict", b"Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as one:
        one.sendall(head)
        sent = 0
        try:
            while sent < 64 << 20:
                one.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
                sent += 65_536
                one.settimeout(0.001)
                try:
                    if one.recv(1, socket.MSG_PEEK):
                        break
                except TimeoutError:
                    pass
                one.settimeout(60)
        except OSError:
            pass
        one.settimeout(60)
        got = one.recv(65536)
    assert _status(got) == 413
    assert sent < 16 << 20


def test_tiny_chunks_make_one_body(door: hosting.Host) -> None:
    content = hosting.body()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in content) + b"0\r\nx-trailer: y\r\n\r\n"
    got = door.raw(_head(b"/v1/models/churn/predict", b"Transfer-Encoding: chunked") + chunks)
    assert _status(got) == 200


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Length: 10", b"Content-Length: 20"), (b"Content-Length: 10", b"Transfer-Encoding: chunked"),
        (b"Content-Length: -1",), (b"Content-Length: 1e3",), (b"Content-Length: 99999999999999999999999",),
        (b"Transfer-Encoding: chunked, identity",), (b"Transfer-Encoding: xchunked",), (b" folded: x",),
        (b"Content-Length : 10",), (b"X-\x01: y",), (b"no colon at all",), (b"Content-Type: a", b"Content-Type: b"),
        (b"Host: localhost",), (b"X-Request-Id: a b",), (b"X-Request-Id: \x1b[31mred",), (b"X-Deadline-Ms: soon",),
        (b"Idempotency-Key: {\"fake\": 1}",),
    ],
)  # fmt: skip
def test_headers_that_conflict_or_are_none_are_refused(door: hosting.Host, lines: tuple[bytes, ...]) -> None:
    content = hosting.body()
    length = None if any(b"ength" in line or b"ncoding" in line for line in lines) else len(content)
    got = door.raw(_head(b"/v1/models/churn/predict", *lines, length=length) + content)
    assert 400 <= _status(got) < 500, got[:200]


@pytest.mark.parametrize(
    "junk", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\x00" * 64, b"GET / HTTP/9.9\r\n\r\n", b"SSH-2.0-x\r\n"]
)
def test_what_is_no_http_is_refused(door: hosting.Host, junk: bytes) -> None:
    assert _status(door.raw(junk)) == 400


def test_headers_without_end_are_refused(door: hosting.Host) -> None:
    if not door.fast:
        pytest.skip("plain ASGI has no limit of its own; the lane has")
    got = door.raw(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + b"x-a: " + b"y" * 100_000)
    assert _status(got) == 431
    many = b"".join(b"x-%d: %b\r\n" % (n, b"y" * 100) for n in range(2_000))
    assert _status(door.raw(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n")) == 431


def test_a_body_that_does_not_come_is_given_up(door: hosting.Host) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as one:
        one.sendall(_head(b"/v1/models/churn/predict", length=500) + b'{"rows"')
        got = one.recv(65536)
    assert _status(got) == 408


def test_slow_heads_are_given_up_while_a_good_client_is_answered(door: hosting.Host) -> None:
    if not door.fast:
        pytest.skip("plain ASGI has no timeout for heads; the lane has")
    slow = [socket.create_connection(("127.0.0.1", door.port), timeout=60) for _ in range(50)]
    stop = threading.Event()

    def drip() -> None:
        while not stop.is_set():
            for one in slow:
                try:
                    one.sendall(b"x")
                except OSError:
                    continue
            stop.wait(0.1)

    for one in slow:
        one.sendall(b"POST /v1/models/churn/predict HTTP/1.1\r\nHost: localhost\r\nx-slow: ")
    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        for _ in range(20):
            assert door.call("POST", hosting.PATH, hosting.body())[0] == 200
        for one in slow:
            assert _status(one.recv(65536)) == 408
    finally:
        stop.set()
        dripping.join()
        for one in slow:
            one.close()


def test_a_silent_connection_is_closed(door: hosting.Host) -> None:
    if not door.fast:
        pytest.skip("plain ASGI waits for the first byte as long as it takes")
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as one:
        assert one.recv(1) == b""


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"{}", b"{", b'{"rows": []}', b'{"rows": [[]]}', b'{"rows": {}}',
        b"\xff\xfe", b"\xef\xbb\xbf{}",
        b'{"rows":[{"number": NaN}]}', b'{"rows":[{"number": Infinity}]}', b'{"rows":[{"number": 1e400}]}',
        b"[" * 100_000, b'{"rows":' * 1_000,
        b'{"rows":[' + b"1," * 50_000 + b"1]}", b'{"rows":[{"number":' + b"9" * 5_000 + b"}]}",
        b'{"rows":[{"number":1,"number":2}]}', b'{"rows":[{"kind":"\\ud800"}]}', b'{"rows":[{}],"rows":[{}]}',
        b"\x80\x04\x95", b'{"rows":[{"number":"40"}]}', b'{"rows":[{"__class__":"os.system"}]}',
    ],
)  # fmt: skip
def test_bad_bodies_are_refused_and_never_a_server_error(door: hosting.Host, content: bytes) -> None:
    for path in (hosting.PATH, "/v1/models/churn/feedback", "/v2/models/churn/infer", "/v1/models/churn/explain"):
        status, _, said = door.call("POST", path, content)
        assert 400 <= status < 500, (path, status, said)
        found = json.loads(said)
        error = {name: found[name] for name in found if name != "error"} if path.startswith("/v2") else found["error"]
        assert set(error) == {"code", "message", "hint", "request_id", "problems"}
        assert "Traceback" not in said.decode()
        assert "/work" not in said.decode()


def test_a_name_in_the_body_cannot_write_headers(door: hosting.Host) -> None:
    evil = "x\r\nset-cookie: a=b\r\n\r\n<html>"
    status, headers, content = door.call("POST", hosting.PATH, hosting.body(request_id=evil))
    assert status in (200, 422)
    assert "set-cookie" not in headers
    assert b"\r\n" not in content


def test_every_reply_has_the_security_headers(door: hosting.Host) -> None:
    asked: list[tuple[str, str, bytes | None]] = [
        ("POST", hosting.PATH, hosting.body()),
        ("POST", hosting.PATH, b"{"),
        ("GET", "/nope", None),
    ]
    asked += [("GET", path, None) for path in ("/docs", "/metrics", "/health/live", hosting.PATH)]
    replies = [door.call(*each)[1] for each in asked]
    raw = door.raw(b"GET //x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").decode("latin-1").lower()
    replies.append(dict(line.split(": ", 1) for line in raw.partition("\r\n\r\n")[0].split("\r\n")[1:]))
    for headers in replies:
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"].lower() == "deny"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "set-cookie" not in headers
        assert "server" not in headers


def test_pipelined_requests_are_answered_in_order(door: hosting.Host) -> None:
    def ask(number: int, path: bytes = b"/v1/models/churn/predict", method: bytes = b"POST") -> bytes:
        content = hosting.body() if method == b"POST" else b""
        return (
            b"%b %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Request-Id: r%d\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (method, path, number, len(content), content)
        )

    many = b"".join(
        ask(n) if n % 3 else ask(n, b"/v1/models/churn/feedback") if n % 2 else ask(n, b"/v1/models/none/predict")
        for n in range(60)
    )
    got = door.raw(many + _head(b"/health/live", method=b"GET"))
    statuses = re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", got)
    wanted = [b"200" if n % 3 else b"422" if n % 2 else b"404" for n in range(60)] + [b"200"]
    assert statuses == wanted
    named = [int(part.split(b"\r\n")[0]) for part in got.split(b"x-request-id: r")[1:]]
    assert named == sorted(named)


def test_a_client_that_has_said_all_it_will_say_is_answered(door: hosting.Host) -> None:
    content = hosting.body()
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as one:
        head = _head(b"/v1/models/churn/predict", length=len(content)).replace(b"Connection: close\r\n", b"")
        one.sendall(head + content)
        one.shutdown(socket.SHUT_WR)
        got = b""
        while part := one.recv(65536):
            got += part
    if door.fast:  # plain uvicorn closes at once
        assert _status(got) == 200


def test_too_many_connections_are_turned_away() -> None:
    made = hosting.host(wire=Wire(connections=4))
    with hosting.serving(made) as one:
        held = [socket.create_connection(("127.0.0.1", one.port), timeout=60) for _ in range(4)]
        deadline = time.monotonic() + 60
        while True:  # the last ones may not have been accepted yet
            with socket.create_connection(("127.0.0.1", one.port), timeout=60) as more:
                got = more.recv(65536)
            if got or time.monotonic() > deadline:
                break
        assert _status(got) == 503
        assert b"retry-after" in got
        for each in held:
            each.close()
