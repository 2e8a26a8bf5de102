"""A server that stops under load: every request that was sent gets its answer, and no connection is cut."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import ExitStack

from modelwright.interfaces.http.service import Wire
from tests.unit.interfaces.http import hosting

CLIENTS = 8
BEFORE = 25  # answered requests of each client before the stop


def test_clients_that_keep_asking_see_the_end_announced_and_nothing_fail() -> None:
    made = hosting.host(wire=Wire(drain_s=30.0))
    failures: list[str] = []
    answered = [0] * CLIENTS
    warm = threading.Barrier(CLIENTS + 1)

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", made.port, timeout=60)
        try:
            while True:
                connection.request("POST", hosting.PATH, hosting.body(), {"content-type": "application/json"})
                reply = connection.getresponse()
                reply.read()
                if reply.status != 200:
                    failures.append(f"status {reply.status}")
                answered[number] += 1
                if answered[number] == BEFORE:
                    warm.wait(60)
                if reply.headers.get("connection") == "close":
                    return
        except Exception as error:
            failures.append(repr(error))
        finally:
            connection.close()

    with ExitStack() as stack:
        stack.enter_context(hosting.serving(made))
        clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        warm.wait(60)
        stack.close()  # stops, drains and joins the server
        for client in clients:
            client.join(60)
    assert not failures
    assert min(answered) > BEFORE
    with socket.socket() as late:
        assert late.connect_ex(("127.0.0.1", made.port)) != 0


def _until_it_listens_no_more(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return
        time.sleep(0.01)
    raise AssertionError("the server still listens")


def test_a_request_that_is_being_sent_at_the_stop_is_answered() -> None:
    made = hosting.host(wire=Wire(drain_s=30.0))
    content = hosting.body()
    head = (
        b"POST /v1/models/churn/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(content)
    )
    with ExitStack() as stack:
        stack.enter_context(hosting.serving(made))
        one = stack.enter_context(socket.create_connection(("127.0.0.1", made.port), timeout=60))
        one.sendall(head + content[:10])
        made.call("GET", "/health/live")  # by now the beginning has been read
        made.stop()
        _until_it_listens_no_more(made.port)  # the loop has heard the stop
        one.sendall(content[10:])
        got = b""
        while part := one.recv(65536):
            got += part
    assert got.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in got
