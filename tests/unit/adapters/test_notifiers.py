"""Notifiers against real servers on loopback: HTTP, SMTP, a program, a file."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelwright.adapters.notifiers.webhook import signature
from modelwright.core.errors import AdapterError, SpecError
from modelwright.core.plugins import load_module, names
from modelwright.records.notices import Line, Notice

NOTICE = Notice(
    id="0123abcd",
    kind="opened",
    model="churn",
    severity="page",
    at="2026-11-21T10:00:00.000Z",
    lines=(
        Line(
            alert="a1", about="drift", subject="column:income", message="income <moved>\r\nBcc: x@y.example",
            runbook="docs/runbooks/drift.md", opened_at="2026-11-21T10:00:00.000Z",
        ),
    ),
)  # fmt: skip


class Hook:
    """A receiver that remembers what it was sent and answers as told."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.server = server
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.status, self.location, self.flood = 200, "", 0
        self.go = threading.Event()
        self.go.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"


@pytest.fixture
def hook() -> Iterator[Hook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.received.append((dict(self.headers), body))
            found.go.wait(60)
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.end_headers()
            try:
                for _ in range(found.flood):
                    self.wfile.write(b"x" * 65_536)
            except OSError:
                found.flood = -1  # cut off by the other side

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Hook(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.go.set()
    server.shutdown()
    thread.join()
    server.server_close()


def send(kind: str, timeout_s: float = 30.0, **params: Any) -> None:
    module = load_module("notifiers", kind)
    module.PLUGIN.send(NOTICE, msgspec.convert(params, module.Params), timeout_s)


def test_the_seam_lists_its_notifiers() -> None:
    assert names("notifiers") == ["command", "email", "log", "slack", "webhook"]


def test_a_webhook_is_signed_and_carries_its_id(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    send("webhook", url=hook.url, secret_env="HOOK_SECRET", allow_private=["127.0.0.0/8"])
    headers, body = hook.received[0]
    stamp, _, said = headers["X-Modelwright-Signature"].partition(",v1=")
    assert signature("s3cret", stamp.removeprefix("t="), body) == said
    assert headers["Idempotency-Key"] == json.loads(body)["id"] == "0123abcd"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::ffff:127.0.0.1]:1/"]
)
def test_private_targets_are_refused_before_anything_is_sent(
    hook: Hook, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    with pytest.raises(AdapterError) as told:
        send("webhook", url=url.format(port=hook.server.server_address[1]), secret_env="HOOK_SECRET")
    assert told.value.code == "notifier.refused"
    assert not hook.received


@pytest.mark.parametrize("status", [302, 500])
def test_redirects_and_errors_are_failures(hook: Hook, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("HOOK_URL", hook.url)
    hook.status, hook.location = status, hook.url + "/elsewhere"
    with pytest.raises(AdapterError, match=str(status)):
        send("slack", url_env="HOOK_URL", allow_private=["127.0.0.1"])
    assert len(hook.received) == 1


def test_a_reply_of_any_size_is_cut_and_a_silent_one_ends(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_URL", hook.url)
    hook.flood = 10_000
    send("slack", url_env="HOOK_URL", allow_private=["127.0.0.1"])
    text = json.loads(hook.received[0][1])["blocks"][0]["text"]["text"]
    assert "&lt;moved&gt;" in text
    hook.go.clear()
    with pytest.raises(AdapterError):
        send("slack", timeout_s=0.2, url_env="HOOK_URL", allow_private=["127.0.0.1"])


def test_secrets_that_are_not_set_and_bad_addresses_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_URL", raising=False)
    with pytest.raises(AdapterError, match="HOOK_URL"):
        send("slack", url_env="HOOK_URL")
    monkeypatch.setenv("HOOK_URL", "ftp://example.com/")
    with pytest.raises(SpecError):
        send("slack", url_env="HOOK_URL")


def test_a_command_gets_the_message_on_its_input_and_no_shell(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    send("command", command=[sys.executable, "-c", code, str(out)])
    assert json.loads(out.read_text())["model"] == "churn"
    with pytest.raises(AdapterError, match="exit status 3"):
        send("command", command=[sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(AdapterError, match="longer than"):
        send("command", timeout_s=0.3, command=[sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(AdapterError):
        send("command", command=["/no/such/program; rm -rf /"])


def test_the_log_gets_a_line_per_message(tmp_path: Path) -> None:
    for _ in range(2):
        send("log", path=str(tmp_path / "alerts.jsonl"))
    lines = (tmp_path / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["0123abcd"] * 2
    with pytest.raises(AdapterError, match="could not be written"):
        send("log", path=str(tmp_path / "missing" / "alerts.jsonl"))


# ---------------------------------------------------------------- SMTP


async def _session(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mails: list[bytes], refuse: bool
) -> None:
    """RFC 5321 as far as one mail needs it."""

    async def say(line: str) -> None:
        writer.write(line.encode() + b"\r\n")
        await writer.drain()

    await say("220 sink")
    while line := (await reader.readline()).decode().strip():
        verb = line[:4].upper()
        if verb == "EHLO":
            await say("250 sink")
        elif verb == "RCPT" and refuse:
            await say("550 nobody here")
        elif verb == "DATA":
            await say("354 go on")
            mails.append((await reader.readuntil(b"\r\n.\r\n"))[:-5])
            await say("250 taken")
        elif verb == "QUIT":
            await say("221 bye")
            break
        else:
            await say("250 fine")
    writer.close()
    await writer.wait_closed()


@pytest.fixture
def smtp() -> Iterator[Callable[[bool], tuple[int, list[bytes]]]]:
    loop, servers = asyncio.new_event_loop(), []
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def begin(refuse: bool = False) -> tuple[int, list[bytes]]:
        mails: list[bytes] = []

        async def listen() -> int:
            server = await asyncio.start_server(lambda r, w: _session(r, w, mails, refuse), "127.0.0.1", 0)
            servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        return asyncio.run_coroutine_threadsafe(listen(), loop).result(30), mails

    yield begin

    async def close() -> None:
        for server in servers:
            server.close()
            await server.wait_closed()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*rest, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(close(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_mail_arrives_and_no_value_becomes_a_header(smtp: Callable[[bool], tuple[int, list[bytes]]]) -> None:
    port, mails = smtp(False)
    send("email", host="127.0.0.1", port=port, security="none", sender="mw@example.com", to=["on-call@example.com"])
    head, _, body = mails[0].partition(b"\r\n\r\n")
    assert b"Message-ID: <0123abcd@example.com>" in head
    assert b"\r\nBcc" not in head
    assert b"docs/runbooks/drift.md" in body


def test_a_refused_recipient_is_a_failure(smtp: Callable[[bool], tuple[int, list[bytes]]]) -> None:
    port, mails = smtp(True)
    with pytest.raises(AdapterError, match="did not take"):
        send("email", host="127.0.0.1", port=port, security="none", sender="mw@example.com", to=["x@example.com"])
    assert not mails
