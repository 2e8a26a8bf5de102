"""Files on the web (https://...); plain http only from this machine."""

from __future__ import annotations

import ipaddress
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from modelwright.core.digests import digest
from modelwright.core.errors import AdapterError, DataError
from modelwright.core.ports import Store

if TYPE_CHECKING:
    from email.message import Message

_TIMEOUT_S = 60.0
_MOST_REDIRECTS = 5
_CHUNK_BYTES = 1 << 20
_SUFFIX = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


class _Https:
    schemes = ("https", "http")

    def fetch(self, uri: str, into: Path, max_bytes: int) -> list[Path]:
        _refuse_unsafe(uri, uri)
        request = urllib.request.Request(uri, headers={"User-Agent": "modelwright"})  # noqa: S310 - checked above
        opener = urllib.request.build_opener(_Redirects(uri))
        try:
            with opener.open(request, timeout=_TIMEOUT_S) as reply:
                return [_save(reply, uri, into, max_bytes)]
        except urllib.error.HTTPError as error:
            error.close()
            raise _failed(uri, f"the server answers {error.code} {error.reason}", retryable=error.code >= 500) from None
        except urllib.error.URLError as error:
            raise _failed(uri, str(error.reason), retryable=True) from None
        except (TimeoutError, ConnectionError) as error:
            raise _failed(uri, str(error) or "it took too long", retryable=True) from None


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _MOST_REDIRECTS

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Message, newurl: str) -> Any:
        _refuse_unsafe(newurl, self._origin)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _refuse_unsafe(url: str, origin: str) -> None:
    """Plain http can be changed on its way, so it is accepted only where there is no way: loopback to loopback."""
    parts = urlsplit(url)
    started_local = _loopback(urlsplit(origin).hostname)
    if parts.scheme == "https" or (parts.scheme == "http" and started_local and _loopback(parts.hostname)):
        return
    moved = "" if url == origin else f", to which {_shown(origin)} leads,"
    raise DataError(
        f"{_shown(url)}{moved} is not https: its bytes could be changed on the way.",
        code="store.insecure",
        hint="use https://, or download the file yourself",
        subject="data.source",
    )


def _loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _save(reply: Any, uri: str, into: Path, max_bytes: int) -> Path:
    folder = into / digest(uri.encode()).removeprefix("b3:")[:16]
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _file_name(uri, reply.headers)
    partial = target.with_name(target.name + ".part")
    announced, size = reply.headers.get("Content-Length"), 0
    with partial.open("wb") as handle:
        while chunk := reply.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(uri, max_bytes)
            handle.write(chunk)
    if announced is not None and announced.isdigit() and size != int(announced):
        raise _failed(uri, f"it broke off after {size:,} of {int(announced):,} bytes", retryable=True)
    partial.replace(target)
    return target


def _file_name(uri: str, headers: Message) -> str:
    """The last part of the path, made harmless, with a suffix by content type where it has none."""
    name = re.sub(r"[^\w.-]", "_", unquote(urlsplit(uri).path).rpartition("/")[2]).lstrip(".") or "download"
    name = name[-120:]
    return name if "." in name else name + _SUFFIX.get(headers.get_content_type(), "")


def _too_large(uri: str, max_bytes: int) -> DataError:
    return DataError(
        f"{_shown(uri)} is larger than {max_bytes:,} bytes.",
        code="data.too_large",
        hint="read a part of it",
        subject="data.source",
    )


def _shown(url: str) -> str:
    """Without user, password and query, any of which may hold a secret."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _failed(uri: str, why: str, *, retryable: bool = False) -> AdapterError:
    return AdapterError(
        f"{_shown(uri)} cannot be fetched: {why}.",
        code="store.unreadable",
        hint="check the address, and that it needs no login",
        subject=f"object:{_shown(uri)}",
        retryable=retryable,
    )


PLUGIN: Store = _Https()
