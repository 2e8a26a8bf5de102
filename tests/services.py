"""Local servers that some tests need: absent means skip, unless the environment says they must be there."""

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest


def require_service(name: str, host: str, port: int) -> None:
    """Skip the test where nothing listens at host:port; fail it where MODELWRIGHT_REQUIRE_SERVICES=1."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        message = f"{name} is not running at {host}:{port}"
        if os.environ.get("MODELWRIGHT_REQUIRE_SERVICES") == "1":
            pytest.fail(message)
        pytest.skip(message)


def s3_server() -> Iterator[tuple[str, Any]]:
    """An empty local S3 server with the bucket `bucket`: its endpoint and a client. The body of a fixture."""
    server_module = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # servers of one process share what they hold, also with those of other test files
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    client.create_bucket(Bucket="bucket")
    yield endpoint, client
    client.close()
    server.stop()
