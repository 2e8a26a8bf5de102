"""Listening sockets that outlive the processes that accept on them, and how to stop listening without a reset.

There is one SO_REUSEPORT socket a worker, made and kept open by the supervisor. A worker that dies leaves its queue to
the one that takes its place, and a worker that is replaced on purpose shares its socket with its successor. Only at
the very end is a socket closed: first a filter drops packets that would open a connection, then the queue is emptied,
then it is closed. What Linux does otherwise, closing a socket with connections in its queue, resets them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import ipaddress
import socket
import ssl
import struct
from pathlib import Path

from modelwright.core.errors import NotFoundError, StateError

BACKLOG = 2_048
_SO_ATTACH_FILTER = 26
#: classic BPF on a TCP header: drop what has SYN and not ACK, keep the rest (load flags, and 0x12, jump if 0x02)
_DROP_NEW = (
    (0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF),
)  # fmt: skip
_TCP_INFO_QUEUED = 24  # of a listening socket, `tcpi_unacked` is the length of its queue


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """`count` sockets on one port; 0 picks a free one. Raises StateError (`serve.address`, `serve.port_taken`)."""
    sockets = _bound(host, port, count)
    try:
        for sock in sockets:
            sock.listen(BACKLOG)
            sock.setblocking(False)
    except OSError as error:
        close(sockets)
        raise _unusable(host, port, error) from error
    return sockets


def hold(host: str, port: int) -> socket.socket:
    """Keep a port for processes that make sockets of their own; this one never listens. Raises as `listen` does."""
    return _bound(host, port, 1)[0]


def _bound(host: str, port: int, count: int) -> list[socket.socket]:
    family, address = _resolve(host)
    _refuse_taken(family, address, port)
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind((address, port))
            port = sock.getsockname()[1]
    except OSError as error:
        close(sockets)
        raise _unusable(host, port, error) from error
    return sockets


def close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(_resolve(host)[1]).is_loopback
    except ValueError:
        return False


def refuse_new(sock: socket.socket) -> bool:
    """Let no new connection begin on this socket; those that have begun still arrive. False where that is not known."""
    program = b"".join(struct.pack("HBBI", *step) for step in _DROP_NEW)
    buffer = ctypes.create_string_buffer(program)
    try:
        sock.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_DROP_NEW), ctypes.addressof(buffer))
        )
    except OSError:
        return False
    return True


def queued(sock: socket.socket) -> int:
    """Connections that wait to be accepted; 0 where the system does not tell."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return int(struct.unpack_from("I", info, _TCP_INFO_QUEUED)[0])
    except (OSError, AttributeError, struct.error):
        return 0


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Raises NotFoundError and StateError (`tls.*`) naming the file that cannot be used."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise StateError(
            "TLS needs a certificate and its key.",
            code="tls.pair",
            hint="give --tls-cert and --tls-key, both in PEM form",
            subject="tls",
        )
    for path in (certificate, key):
        if not path.is_file():
            raise NotFoundError(f"There is no file '{path.name}'.", code="tls.file", hint="give a PEM file")
    mode = key.stat().st_mode & 0o777
    if mode & 0o077:
        raise StateError(
            f"Others than its owner may read the key file '{key.name}' (mode {mode:o}).",
            code="tls.mode",
            hint=f"chmod 600 {key}",
            subject=f"file:{key.name}",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise StateError(
            f"The certificate '{certificate.name}' and the key '{key.name}' do not make a pair: {error}.",
            code="tls.pair",
            hint="both must be PEM files, the key without a password and of this certificate",
            subject="tls",
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("the key asks for a password")


def _resolve(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise StateError(
            f"'{host[:100]}' is no address of this machine.",
            code="serve.address",
            hint="use 127.0.0.1 for this machine only, 0.0.0.0 for every address",
            subject="serve",
        ) from error
    return family, str(address[0])


def _refuse_taken(family: socket.AddressFamily, address: str, port: int) -> None:
    """Two servers could share a port by SO_REUSEPORT without a word; one that does not ask for it finds out."""
    if not port:
        return
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, port))
        except OSError as error:
            raise _unusable(address, port, error) from error


def _unusable(host: str, port: int, error: OSError) -> StateError:
    if error.errno == errno.EADDRINUSE:
        return StateError(
            f"Something else listens on port {port} already.",
            code="serve.port_taken",
            hint="choose another with --port; --port 0 takes a free one",
            subject="serve",
        )
    return StateError(
        f"{host}:{port} cannot be listened on: {error.strerror}.",
        code="serve.address",
        hint="use an address of this machine and a port above 1023",
        subject="serve",
    )
