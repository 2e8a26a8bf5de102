"""What the workers of one server share: replies by idempotency key, certificates that are read anew."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.journeys import serving_parts as parts
from tests.journeys.serving_parts import BODY, PATIENCE_S, Server, serving, until
from tests.journeys.test_grpc_serving import _asking

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
PREDICT = "/v1/models/demo/predict"
_ROUTES = ("champion", "pinned")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parts.workspace(tmp_path_factory.mktemp("shared"), 1)


def _make_pair(folder: Path, name: str) -> None:
    """A certificate of its own and its key, as cert.pem and key.pem, put there at once as tools that renew do."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(named, named, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for file, content in (("cert.pem", made.public_bytes(serialization.Encoding.PEM)), ("key.pem", secret)):
        (folder / f"{file}.new").write_bytes(content)
        (folder / f"{file}.new").chmod(0o600)
        (folder / f"{file}.new").replace(folder / file)


class Secure:
    """A client that keeps its connection while it may, trusts each certificate it is given, and repeats nothing."""

    def __init__(self, port: int, *trusted: str) -> None:
        self.port, self.context = port, ssl.create_default_context()
        for one in trusted:
            self.trust(one)
        self.answers: Counter[int] = Counter()
        self.failures: list[str] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, daemon=True)

    def trust(self, pem: str) -> None:
        self.context.load_verify_locations(cadata=pem)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.port, timeout=PATIENCE_S, context=self.context)

    def _ask_on(self) -> None:
        connection = self.connect()
        while not self._end.is_set():
            try:
                connection.request("POST", PREDICT, BODY, {"content-type": "application/json"})
                reply = connection.getresponse()
                reply.read()
                self.answers[reply.status] += 1  # http.client connects anew where the reply said close
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                connection = self.connect()
        connection.close()

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._end.set()
            self._thread.join(PATIENCE_S)


def _channel(server: Server, pem: str) -> Any:
    # by its name, which the certificate has; the server listens to 127.0.0.1
    target = f"localhost:{server.facts['grpc'].rpartition(':')[2]}"
    options = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(pem.encode()), options=options)


def test_a_new_certificate_is_taken_on_sighup_and_no_request_fails(space: Path, tmp_path: Path) -> None:
    _make_pair(tmp_path, "first")
    first = (tmp_path / "cert.pem").read_text()
    said = "every worker has been replaced"
    pair = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with serving(space, "demo", "--workers", "2", "--grpc-port", "0", *pair) as server:
        assert server.facts["url"].startswith("https://")
        with _channel(server, first) as channel:
            assert _asking(channel)()[0] == "1"
        with grpc.insecure_channel(server.facts["grpc"]) as plain, pytest.raises(grpc.RpcError) as refused:
            plain.unary_unary("/inference.GRPCInferenceService/ServerLive")(b"", timeout=PATIENCE_S)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE

        client = Secure(server.port, first)
        with client.asking():
            until(lambda: client.answers[200] > 20)
            _make_pair(tmp_path, "second")
            second = (tmp_path / "cert.pem").read_text()
            client.trust(second)
            server.process.send_signal(signal.SIGHUP)
            until(lambda: server.said().count(said) == 1, "it is taken")
            before = client.answers[200]
            until(lambda: client.answers[200] > before + 20)
            shown = ssl.get_server_certificate(("localhost", server.port), timeout=PATIENCE_S)
            assert shown.split() == second.split()

            (tmp_path / "key.pem").write_text("no key")
            server.process.send_signal(signal.SIGHUP)
            until(lambda: "was not taken" in server.said(), "a mistake is said")
            before = client.answers[200]
            until(lambda: client.answers[200] > before + 20)
        assert client.failures == []
        assert set(client.answers) == {200}
        with _channel(server, second) as channel:
            assert _asking(channel)()[0] == "1"
        with _channel(server, first) as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary("/inference.GRPCInferenceService/ServerLive")(b"", timeout=5.0)


def test_a_retry_gets_its_answer_from_whichever_worker_it_reaches(space: Path) -> None:
    with serving(space, "demo", "--workers", "3", log=True) as server:
        first = server.ask(idempotency_key="k-1")
        again = [server.ask(idempotency_key="k-1") for _ in range(24)]  # each on a connection of its own
        assert first[0] == 200
        assert "x-modelwright-replayed" not in first[2]
        assert [one[1] for one in again] == [first[1]] * 24
        assert {one[2]["x-modelwright-replayed"] for one in again} == {"true"}
        other = json.dumps({"rows": [parts.ROW] * 2}).encode()
        assert [server.ask(body=other, idempotency_key="k-1")[0] for _ in range(8)] == [409] * 8
        for worker in server.workers():  # those that come in their place know it too
            os.kill(worker, signal.SIGKILL)
        until(lambda: server.metric("workers") == 3)
        assert server.ask(idempotency_key="k-1")[1] == first[1]


def test_the_counters_tell_routes_and_the_log(space: Path) -> None:
    with serving(space, "demo", "--workers", "2", log=True) as server:
        for _ in range(3):
            assert server.ask()[0] == 200
        assert server.ask(path="/v1/models/demo/versions/1/predict")[0] == 200

        def counted() -> dict[str, float]:
            text = server.ask("GET", "/metrics")[1]["text"].decode()
            return {
                line.partition(" ")[0].removeprefix("modelwright_"): float(line.rsplit(" ", 1)[1])
                for line in text.splitlines()
                if line.startswith(("modelwright_predictions", "modelwright_log"))
            }

        champion, pinned = (f'predictions_total{{model="demo",version="1",route="{way}"}}' for way in _ROUTES)
        found = until(lambda: (now := counted()).get(champion) == 3 and now.get(pinned) == 1 and now, "by route")
        assert found["log_records_total"] >= 4
        assert found["log_bytes_total"] > found["log_records_total"]
        assert found.get("log_failures_total", 0.0) == 0.0
        until(lambda: counted()["log_unsynced_records"] == 0, "what is written comes to the disk")
        until(lambda: counted().get("log_unsealed_bytes", 0.0) > 0, "it waits to be sealed")
        assert sum(value for name, value in counted().items() if name.startswith("log_lag_seconds")) < PATIENCE_S
