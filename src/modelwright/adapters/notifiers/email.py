"""Send an e-mail by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import Annotated, Literal

from msgspec import Meta

from modelwright.adapters.notifiers._secrets import secret
from modelwright.core import ports
from modelwright.core.errors import AdapterError
from modelwright.records.notices import Notice, Notifier


class Params(ports.Params, frozen=True, kw_only=True):
    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    security: Annotated[Literal["starttls", "tls", "none"], Meta(description="none is for a relay on this machine")] = (
        "starttls"
    )
    sender: Annotated[str, Meta(pattern=r"^[^\s@]+@[^\s@]+$")]
    to: Annotated[list[Annotated[str, Meta(pattern=r"^[^\s@]+@[^\s@]+$")]], Meta(min_length=1, max_length=50)]
    user: str | None = None
    password_env: Annotated[str | None, Meta(description="the environment variable that holds the password")] = None


class EmailNotifier:
    """The message id is the notice's, so that a mail that is sent twice is one to a mail program."""

    def send(self, notice: Notice, params: Params, timeout_s: float) -> None:
        try:
            with _connected(params, timeout_s) as server:
                if params.user and params.password_env:
                    server.login(params.user, secret(params.password_env))
                refused = server.send_message(mail(notice, params))
        except (OSError, smtplib.SMTPException) as error:
            raise _failed(params, str(error)) from error
        if refused:
            raise _failed(params, f"it refused {', '.join(sorted(refused))}")


def mail(notice: Notice, params: Params) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = " ".join(notice.title.split())[:200]  # a line break here would begin another header
    message["From"], message["To"] = params.sender, ", ".join(params.to)
    message["Message-ID"] = f"<{notice.id}@{params.sender.partition('@')[2]}>"
    message["X-Modelwright-Alert"] = " ".join(line.alert for line in notice.lines)[:500]
    message.set_content(notice.text)
    return message


def _connected(params: Params, timeout_s: float) -> smtplib.SMTP:
    if params.security == "tls":
        return smtplib.SMTP_SSL(params.host, params.port, timeout=timeout_s, context=ssl.create_default_context())
    server = smtplib.SMTP(params.host, params.port, timeout=timeout_s)
    if params.security == "starttls":
        server.starttls(context=ssl.create_default_context())
    return server


def _failed(params: Params, why: str) -> AdapterError:
    return AdapterError(
        f"The mail server {params.host} did not take the message: {why[:300]}.",
        code="notifier.failed",
        hint="it is tried again; check host, port, security and password",
        subject=f"host:{params.host}",
        retryable=True,
    )


PLUGIN: Notifier = EmailNotifier()
