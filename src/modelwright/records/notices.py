"""What a notifier is handed, and the port of the seam: one message about one or more alerts of a model."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One alert in a message."""

    alert: str  # its id
    about: str
    subject: str
    message: str
    runbook: str
    opened_at: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `id` is the same on every try, so that a receiver can tell a repeated one."""

    id: str
    kind: str  # opened | worsened | escalated | recovered | test
    model: str
    severity: str
    at: str  # RFC 3339, UTC
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        what = {"recovered": "over", "escalated": "nobody has answered", "test": "a test"}.get(self.kind, "")
        about = ", ".join(dict.fromkeys(line.about.replace("_", " ") for line in self.lines))
        return f"[{self.severity}] {self.model}: {about}{f' - {what}' if what else ''}"

    @property
    def text(self) -> str:
        lines = [self.title, ""]
        for line in self.lines:
            lines += [f"- {line.message}", f"  alert {line.alert}, since {line.opened_at}, runbook {line.runbook}"]
        return "\n".join(lines)


@runtime_checkable
class Notifier(Protocol):
    """Tells somebody. `params` is an instance of the plugin's own `Params`."""

    def send(self, notice: Notice, params: Any, timeout_s: float) -> None:
        """Returns when the other side has taken it; raises AdapterError. Called from a thread of its own."""
        ...
