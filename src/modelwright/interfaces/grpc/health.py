"""grpc.health.v1.Health, as load balancers and orchestrators ask it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from modelwright.interfaces.grpc.calls import Calls
from modelwright.interfaces.grpc.protocol import HEALTH, SERVICE, messages
from modelwright.serving.asking import Refused

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
_LOOK_S = 0.25
_WATCHERS = 256
_KNOWN = frozenset({"", SERVICE, HEALTH})


class Health:
    """One per process; `leave` makes it say NOT_SERVING and ends every watch."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._left = asyncio.Event()
        self._watchers = 0
        known = messages()
        self._request = known["grpc.health.v1.HealthCheckRequest"]
        self._response = known["grpc.health.v1.HealthCheckResponse"]
        self.check = calls.method("Check", "open", self._check)

    def leave(self) -> None:
        self._left.set()

    def _service(self, content: bytes) -> str:
        try:
            return str(self._request.FromString(content).service)
        except Exception:  # noqa: BLE001 - protobuf's own error; its class depends on how protobuf was built
            raise Refused("The message is no HealthCheckRequest.", code="request.protobuf") from None

    def _now(self) -> int:
        return SERVING if not self._left.is_set() and self._calls.service.health().ready else NOT_SERVING

    def _said(self, status: int) -> bytes:
        found: bytes = self._response(status=status).SerializeToString()
        return found

    def _check(self, content: bytes) -> bytes:
        service = self._service(content)
        if service not in _KNOWN:
            raise Refused(f"There is no service '{service[:100]}' here.", code="model.not_served", subject="service")
        return self._said(self._now())

    async def watch(self, content: bytes, context: Any) -> AsyncIterator[bytes]:
        """The state now, and again whenever it has changed."""
        try:
            service = self._service(content)
            if self._watchers >= _WATCHERS:
                raise Refused("Too many watch this server.", code="serving.busy", retry_after_s=60.0)
        except Exception as error:  # noqa: BLE001 - the last net, as for every method
            await self._calls.abort(context, self._calls.ended(error, "Watch", context))
            return
        self._watchers += 1
        try:
            last = 0
            while True:
                left = self._left.is_set()
                now = self._now() if service in _KNOWN else SERVICE_UNKNOWN
                if now != last:
                    yield self._said(now)
                    last = now
                if left:
                    return
                await self._sleep()
        finally:
            self._watchers -= 1

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._left.wait()
        except TimeoutError:
            return
