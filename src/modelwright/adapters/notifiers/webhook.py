"""POST a signed JSON message to an address of yours."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Annotated

import msgspec
from msgspec import Meta

from modelwright.adapters.notifiers._posting import post
from modelwright.adapters.notifiers._secrets import secret
from modelwright.core import ports
from modelwright.records.notices import Notice, Notifier


class Params(ports.Params, frozen=True, kw_only=True):
    url: Annotated[str, Meta(min_length=8, max_length=2_048)]
    secret_env: Annotated[str, Meta(description="the environment variable that holds the signing secret")]
    allow_private: Annotated[list[str], Meta(description="private hosts or networks that may be reached")] = []


class WebhookNotifier:
    """Header `X-Modelwright-Signature: t=SECONDS,v1=HEX` signs `SECONDS.BODY` with HMAC-SHA256; a receiver refuses
    an old time and an `Idempotency-Key` that it knows."""

    def send(self, notice: Notice, params: Params, timeout_s: float) -> None:
        body = msgspec.json.encode({"title": notice.title, **msgspec.to_builtins(notice)})
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": notice.id,
            "X-Modelwright-Signature": f"t={stamp},v1={signature(secret(params.secret_env), stamp, body)}",
        }
        post(params.url, body, headers, timeout_s, params.allow_private)


def signature(key: str, stamp: str, body: bytes) -> str:
    return hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


PLUGIN: Notifier = WebhookNotifier()
