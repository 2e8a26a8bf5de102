"""Azure Blob Storage (az://container/path), with the account from the usual environment."""

from __future__ import annotations

from pathlib import Path

from modelwright.adapters.stores._shared import CLIENT, RETRY, fetch, parse, send
from modelwright.core.ports import Store

_CHECK = "check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or a service principal) and the right to read"


class _Az:
    schemes = ("az", "azure", "abfs", "abfss")

    def fetch(self, uri: str, into: Path, max_bytes: int) -> list[Path]:
        from obstore.store import AzureStore

        place = parse(uri)
        container = place.bucket.partition("@")[0]
        store = AzureStore(container, client_options=CLIENT, retry_config=RETRY)  # type: ignore[arg-type]
        return fetch(store, place, into, max_bytes, _CHECK)

    def send(self, file: Path, uri: str) -> None:
        from obstore.store import AzureStore

        place = parse(uri)
        container = place.bucket.partition("@")[0]
        send(AzureStore(container, client_options=CLIENT, retry_config=RETRY), place, file, _CHECK)  # type: ignore[arg-type]


PLUGIN: Store = _Az()
