"""Post to a Slack incoming webhook, or one that takes the same form (Mattermost, Rocket.Chat)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from modelwright.adapters.notifiers._posting import post
from modelwright.adapters.notifiers._secrets import secret
from modelwright.core import ports
from modelwright.records.notices import Notice, Notifier

_CHARACTERS = 3_000  # of one block of text


class Params(ports.Params, frozen=True, kw_only=True):
    url_env: Annotated[str, Meta(description="the environment variable with the hook's address, which is a secret")]
    allow_private: Annotated[list[str], Meta(description="private hosts or networks that may be reached")] = []


class SlackNotifier:
    def send(self, notice: Notice, params: Params, timeout_s: float) -> None:
        text = _escaped(notice.text)[:_CHARACTERS]
        block = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
        body = msgspec.json.encode({"text": _escaped(notice.title), "blocks": [block]})
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.id}
        post(secret(params.url_env), body, headers, timeout_s, params.allow_private)


def _escaped(text: str) -> str:
    """Slack's own three: values from data must not become links or mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


PLUGIN: Notifier = SlackNotifier()
