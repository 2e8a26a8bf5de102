"""Sockets that stop listening without resetting anybody, and lines between processes."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from modelwright.core.errors import ModelwrightError
from modelwright.interfaces.server import sockets
from modelwright.interfaces.server.link import Link

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def test_a_taken_port_is_found_out_although_both_would_share_it() -> None:
    first = sockets.listen("127.0.0.1", 0, 2)
    port = first[0].getsockname()[1]
    assert first[1].getsockname()[1] == port
    try:
        with pytest.raises(ModelwrightError) as refused:
            sockets.listen("127.0.0.1", port, 1)
        assert refused.value.code == "serve.port_taken"
    finally:
        sockets.close(first)
    sockets.close(sockets.listen("127.0.0.1", port, 1))


@LINUX
def test_after_the_door_is_closed_those_in_the_queue_are_still_served() -> None:
    (listening,) = sockets.listen("127.0.0.1", 0, 1)
    address = listening.getsockname()
    early = [socket.create_connection(address) for _ in range(5)]
    assert sockets.queued(listening) == 5
    assert sockets.refuse_new(listening)
    late = socket.socket()
    late.settimeout(0.2)
    with pytest.raises(TimeoutError):
        late.connect(address)
    assert sockets.queued(listening) == 5
    accepted = [listening.accept()[0] for _ in range(5)]
    assert sockets.queued(listening) == 0
    sockets.close([listening])
    for one, other in zip(sorted(early, key=lambda s: s.getsockname()), sorted(accepted, key=lambda s: s.getpeername()),
                          strict=True):  # fmt: skip
        one.sendall(b"hello")
        assert other.recv(5) == b"hello"
    late.close()
    sockets.close([*early, *accepted])


@LINUX
def test_a_socket_that_is_held_elsewhere_loses_nobody_when_its_process_closes_it() -> None:
    (listening,) = sockets.listen("127.0.0.1", 0, 1)
    successor = socket.socket(fileno=os.dup(listening.fileno()))
    client = socket.create_connection(listening.getsockname())
    listening.close()
    accepted, _ = successor.accept()
    accepted.sendall(b"here")
    assert client.recv(4) == b"here"
    sockets.close([client, accepted, successor])


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False)],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert sockets.is_loopback(host) is loopback


def test_tls_files_are_checked(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    assert sockets.tls_context(None, None) is None
    for given, code in (((certificate, None), "tls.pair"), ((certificate, key), "tls.file")):
        with pytest.raises(ModelwrightError) as refused:
            sockets.tls_context(*given)
        assert refused.value.code == code
    certificate.write_text("no certificate")
    key.write_text("no key")
    key.chmod(0o644)
    with pytest.raises(ModelwrightError) as refused:
        sockets.tls_context(certificate, key)
    assert refused.value.code == "tls.mode"
    key.chmod(0o600)
    with pytest.raises(ModelwrightError) as refused:
        sockets.tls_context(certificate, key)
    assert refused.value.code == "tls.pair"


def test_lines_between_processes_arrive_whole_and_the_end_is_noticed() -> None:
    one, other = Link.pair()
    long = "x" * 3_000_000
    found: list[dict[str, object]] = []

    def read() -> None:
        import select

        while not other.closed:
            select.select([other], [], [], 5)
            found.extend(other.lines())

    reading = threading.Thread(target=read)
    reading.start()
    assert one.say(do="keys", keys=[long])
    assert one.say(do="drain")
    one.close()
    reading.join(30)
    assert found == [{"do": "keys", "keys": [long]}, {"do": "drain"}]
    other.close()
    with contextlib.suppress(OSError):
        assert not one.say(do="more")


def test_a_process_that_takes_no_line_does_not_block_the_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelwright.interfaces.server.link._PATIENCE_S", 0.05)
    one, other = Link.pair()
    assert not one.say(do="keys", keys=["x" * 3_000_000])
    one.close()
    other.close()
