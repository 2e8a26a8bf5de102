"""Find the broker behind an address, and refuse one that strangers could read or write on the way."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from modelwright.core import plugins
from modelwright.core.errors import SpecError, did_you_mean

_EMBEDDED = ("sqlite", "dir")
_ENCRYPTED = ("nats+tls", "amqps", "rediss", "kafka+ssl")


def shown(url: str) -> str:
    """Without user, password and options, any of which may be secret."""
    split = urlsplit(url)
    hosts = split.netloc.rpartition("@")[2]
    return f"{split.scheme}://{hosts}{split.path}" + (f"#{split.fragment}" if split.fragment else "")


def broker(url: str, *, allow_open: bool = False) -> Any:
    """The plugin for the address's scheme. Raises SpecError (`stream.url`, `stream.open`)."""
    scheme = urlsplit(url).scheme.lower()
    found, _broken = plugins.load_all("brokers")
    for plugin in found.values():
        if scheme in plugin.schemes:
            if not allow_open:
                _refuse_open(url, scheme)
            return plugin
    known = sorted(name for plugin in found.values() for name in plugin.schemes)
    raise SpecError(
        f"'{scheme or url[:20]}' is not a kind of stream.",
        code="stream.url",
        hint=did_you_mean(scheme, known),
        subject=shown(url) if scheme else "",
    )


def _refuse_open(url: str, scheme: str) -> None:
    split = urlsplit(url)
    if scheme in _EMBEDDED:
        return
    credentials, _, hosts = split.netloc.rpartition("@")
    if all(_loopback(_host(each)) for each in hosts.split(",")):
        return
    mode = parse_qs(split.query).get("sslmode", [""])[0]
    encrypted = scheme in _ENCRYPTED or mode in ("require", "verify-ca", "verify-full")
    if encrypted and credentials:
        return
    lacks = "is not encrypted" if not encrypted else "names no user"
    raise SpecError(
        f"The connection to {shown(url)} {lacks}, and the broker is not on this machine.",
        code="stream.open",
        hint=f"use {'/'.join(_ENCRYPTED)} (postgresql: ?sslmode=verify-full) and a user with a password, "
        "or say --allow-open where the network itself is safe",
        subject=shown(url),
    )


def _host(text: str) -> str:
    found = re.match(r"\[([^\]]*)\]|([^:]*)", text)
    return (found[1] or found[2] or "") if found else ""


def _loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
