"""What is told of the server itself: health, metrics, the interface's description and its page."""

from __future__ import annotations

from typing import Any

import msgspec

from modelwright.interfaces.http import exposition, openapi, page
from modelwright.interfaces.http.replies import HTML, JSON, Reply
from modelwright.interfaces.http.request import Request
from modelwright.interfaces.http.service import Service

_encode = msgspec.json.Encoder().encode


class Public:
    """The handlers of one process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.routes: Any = ()  # of the table these handlers stand in

    def live(self, _request: Request) -> Reply:
        health = self._service.health()
        return _state("live", health.live, health.why)

    def ready(self, _request: Request) -> Reply:
        health = self._service.health()
        return _state("ready", health.ready, health.why)

    def startup(self, _request: Request) -> Reply:
        health = self._service.health()
        return _state("started", health.started, health.why)

    def models(self, _request: Request) -> Reply:
        """Every served model with its versions, aliases and inputs."""
        plane = self._service.plane
        listed = [
            {
                "name": name,
                "versions": [served.version for served in versions],
                "aliases": plane.aliases(name),
                "answers_by_default": plane.find(name).version,
            }
            for name, versions in sorted(plane.models().items())
        ]
        return Reply(200, _encode({"models": listed}), JSON)

    def metrics(self, _request: Request) -> Reply:
        return Reply(200, exposition.text(self._service.counters.read()), exposition.MEDIA_TYPE)

    def openapi(self, _request: Request) -> Reply:
        return Reply(200, _encode(self._document()), JSON)

    def docs(self, _request: Request) -> Reply:
        text, policy = page.page(self._document())
        return Reply(200, text, HTML, policy=(b"content-security-policy", policy))

    def _document(self) -> dict[str, Any]:
        return openapi.document(self._service, self.routes)


def _state(name: str, good: bool, why: str) -> Reply:
    said: dict[str, Any] = {name: good}
    if why:
        said["why"] = why
    return Reply(200 if good else 503, _encode(said), JSON, () if good else ((b"retry-after", b"1"),))
