"""What the object stores have in common: one object, all objects below a prefix, or a glob, to local files."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from modelwright.core.digests import digest
from modelwright.core.errors import AdapterError, DataError

#: one stuck connection must not hold a run: connect, and idle read
CLIENT = {"connect_timeout": "10s", "timeout": "600s"}
RETRY = {"max_retries": 3}
_GLOB = re.compile(r"[*?\[]")
_MOST_OBJECTS = 100_000


@dataclass(frozen=True, slots=True)
class Location:
    scheme: str
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"


def parse(uri: str) -> Location:
    """Raises DataError when there is no bucket."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise DataError(
            f"{uri} names no bucket.",
            code="store.no_bucket",
            hint=f"write {scheme}://bucket/path",
            subject="data.source",
        )
    return Location(scheme.lower(), bucket, key)


def fetch(store: Any, place: Location, into: Path, max_bytes: int, check: str) -> list[Path]:
    """Download in name order. `check` says what to look at when it fails.

    Raises AdapterError `store.unreadable` or `store.not_found` naming the object.
    """
    found = _guarded(lambda: _objects(store, place), place, check)
    if not found:
        raise AdapterError(
            f"There is no object {place.uri} and none below it.",
            code="store.not_found",
            hint=f"check the bucket and the spelling; {check}",
            subject=f"object:{place.uri}",
        )
    size = sum(int(meta["size"]) for meta in found)
    if size > max_bytes:
        raise DataError(
            f"{place.uri} holds {size:,} bytes; at most {max_bytes:,} are fetched.",
            code="data.too_large",
            hint="narrow the prefix or the glob",
            subject=f"object:{place.uri}",
        )
    folder = into / digest(place.uri.encode()).removeprefix("b3:")[:16]
    keys = [str(meta["path"]) for meta in found]
    return [_guarded(partial(_download, store, key, folder), place, check, key) for key in keys]


def send(store: Any, place: Location, file: Path, check: str) -> None:
    """Upload a file as one object: it is there whole or not at all.

    Raises AdapterError `store.unwritable` naming the object."""
    import obstore
    from obstore import exceptions

    if not place.key or place.key.endswith("/"):
        raise DataError(f"{place.uri} names no object.", code="store.bad_name", subject=f"object:{place.uri}")
    try:
        with file.open("rb") as handle:
            obstore.put(store, place.key, handle)
    except (exceptions.BaseError, OSError) as error:
        raise AdapterError(
            f"{place.uri} cannot be written: {_reason(error)}.",
            code="store.unwritable",
            hint=check,
            subject=f"object:{place.uri}",
            retryable=True,
        ) from None


def _objects(store: Any, place: Location) -> list[dict[str, Any]]:
    import obstore

    key = place.key.rstrip("/")
    if _GLOB.search(key):
        fixed = re.split(r"[*?\[]", key, maxsplit=1)[0].rpartition("/")[0]
        return [meta for meta in _below(store, fixed) if fnmatch.fnmatchcase(str(meta["path"]), key)]
    if key and not place.key.endswith("/"):
        try:
            return [dict(obstore.head(store, key))]
        except FileNotFoundError:
            pass  # not one object: perhaps a prefix
    return _below(store, key)


def _below(store: Any, prefix: str) -> list[dict[str, Any]]:
    import obstore

    found: list[dict[str, Any]] = []
    for batch in obstore.list(store, prefix=f"{prefix}/" if prefix else None):
        found.extend(dict(meta) for meta in batch if meta["size"] and not str(meta["path"]).endswith("/"))
        if len(found) > _MOST_OBJECTS:
            break
    return sorted(found, key=lambda meta: str(meta["path"]))


def _download(store: Any, key: str, folder: Path) -> Path:
    import obstore

    target = (folder / key).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise DataError(f"The object name '{key}' leaves its folder.", code="store.bad_name", subject=f"object:{key}")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".part")
    with unfinished.open("wb") as handle:
        for chunk in obstore.get(store, key).stream(min_chunk_size=8 << 20):
            handle.write(chunk)
    unfinished.replace(target)
    return target


def _guarded(call: Callable[[], Any], place: Location, check: str, key: str | None = None) -> Any:
    """The library's errors as one sentence that names the object and what to check."""
    from obstore import exceptions

    uri = f"{place.scheme}://{place.bucket}/{key}" if key is not None else place.uri
    try:
        return call()
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError) as error:
        raise _failed(f"Access to {uri} is refused ({_reason(error)}).", uri, check) from None
    except FileNotFoundError:
        raise _failed(f"There is no {uri}: the bucket or the object does not exist.", uri, check) from None
    except exceptions.BaseError as error:
        raise _failed(f"{uri} cannot be read: {_reason(error)}.", uri, check, retryable=True) from None


def _failed(message: str, uri: str, check: str, *, retryable: bool = False) -> AdapterError:
    code = "store.not_found" if message.startswith("There is no") else "store.unreadable"
    return AdapterError(message, code=code, hint=check, subject=f"object:{uri}", retryable=retryable)


def _reason(error: BaseException) -> str:
    """The heart of a long chained message: an XML error code, or the first line."""
    text = str(error)
    code = re.search(r"<Code>([^<]+)</Code>", text)
    if code:
        return code[1]
    known = (
        ("dns error", "the host name is unknown"),
        ("Connection refused", "connection refused"),
        ("timed out", "it took too long"),
        ("credential", "no credentials were found"),
    )
    for mark, words in known:
        if mark.lower() in text.lower():
            return words
    return text.strip().splitlines()[0][:160].rstrip(".") if text.strip() else type(error).__name__
