"""Google Cloud Storage (gs://bucket/path), with credentials from the usual environment."""

from __future__ import annotations

from pathlib import Path

from modelwright.adapters.stores._shared import CLIENT, RETRY, fetch, parse, send
from modelwright.core.ports import Store

_CHECK = "check GOOGLE_APPLICATION_CREDENTIALS (or `gcloud auth application-default login`) and the right to read"


class _Gs:
    schemes = ("gs", "gcs")

    def fetch(self, uri: str, into: Path, max_bytes: int) -> list[Path]:
        from obstore.store import GCSStore

        place = parse(uri)
        store = GCSStore(place.bucket, client_options=CLIENT, retry_config=RETRY)  # type: ignore[arg-type]
        return fetch(store, place, into, max_bytes, _CHECK)

    def send(self, file: Path, uri: str) -> None:
        from obstore.store import GCSStore

        place = parse(uri)
        send(GCSStore(place.bucket, client_options=CLIENT, retry_config=RETRY), place, file, _CHECK)  # type: ignore[arg-type]


PLUGIN: Store = _Gs()
