"""POST to an address that a file names: no private target unless allowed, no redirect, a capped reply, a deadline."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from modelwright.core.errors import AdapterError, SpecError

_REPLY_BYTES = 4_096


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float, allowed: Sequence[str]) -> None:
    """Raises AdapterError (`notifier.refused` by the policy, `notifier.failed`) or SpecError (`notifier.url`).

    allowed: host names, addresses or networks that may be reached though they are private. The address that was judged
    is the one that is connected to, so that a name cannot point elsewhere a moment later.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise SpecError(
            "A notifier's url has to be http:// or https:// with a host and without a password.",
            code="notifier.url",
            hint="name a secret by its environment variable instead",
            subject="alerts.notifiers",
        )
    port = parts.port or (443 if parts.scheme == "https" else 80)
    deadline = time.monotonic() + timeout_s
    address = _address(parts.hostname, port, allowed)
    try:
        connection = _connection(parts.scheme, parts.hostname, address, port, timeout_s)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, {"Host": parts.netloc, **headers})
            status = _status(connection, deadline)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise AdapterError(
            f"{parts.hostname} did not take the message: {type(error).__name__} {error}.".replace(" .", "."),
            code="notifier.failed",
            hint="it is tried again; check the address and the other side",
            subject=f"host:{parts.hostname}",
            retryable=True,
        ) from error
    if not 200 <= status < 300:
        raise AdapterError(
            f"{parts.hostname} answered {status}{' and redirects are not followed' if 300 <= status < 400 else ''}.",
            code="notifier.failed",
            hint="it is tried again; check the address and the secret",
            subject=f"host:{parts.hostname}",
            retryable=True,
        )


def _status(connection: http.client.HTTPConnection, deadline: float) -> int:
    """The status, having read no more than a little of the reply; a reply that drips is cut off."""
    if connection.sock is not None:
        connection.sock.settimeout(max(0.05, deadline - time.monotonic()))
    reply = connection.getresponse()
    left = _REPLY_BYTES
    while left > 0 and time.monotonic() < deadline:
        part = reply.read1(left)
        if not part:
            break
        left -= len(part)
    return reply.status


def _address(host: str, port: int, allowed: Sequence[str]) -> str:
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise AdapterError(
            f"The host '{host}' is unknown: {error}.",
            code="notifier.failed",
            hint="check the address",
            subject=f"host:{host}",
            retryable=True,
        ) from error
    fit = [address for address in found if host in allowed or _may(address, allowed)]
    if not fit:
        raise AdapterError(
            f"'{host}' is a private address ({found[0]}), which messages are not sent to.",
            code="notifier.refused",
            hint="list it under allow_private of this notifier if it is meant",
            subject=f"host:{host}",
        )
    return fit[0]


def _may(address: str, allowed: Sequence[str]) -> bool:
    where = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(where, "ipv4_mapped", None)
    where = mapped if mapped is not None else where
    if where.is_global and not where.is_multicast:
        return True
    for each in allowed:
        try:
            if where in ipaddress.ip_network(each, strict=False):
                return True
        except ValueError:
            continue  # a host name
    return False


def _connection(scheme: str, host: str, address: str, port: int, timeout_s: float) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(address, port, timeout=timeout_s)
    connection = http.client.HTTPSConnection(address, port, timeout=timeout_s)
    plain = socket.create_connection((address, port), timeout=timeout_s)
    # the certificate has to be the name's, though the address is what was connected to
    connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    return connection
