"""The predict plane: what is asked in, an answer out, one record in the log. It knows no transport.

How a door uses it (all in one thread, that of the event loop):

    plane = Plane(log=log_or_none)
    served = live.load(folder, "churn", 3, spec.serving)       # live.load(..., probe=False) for a bundle probed already
    plane.put(served, aliases=("champion",))                   # first version put is the champion until a route is set
    plane.set_route("churn", Route(arms=(Arm(version=3),)))    # routing.Route: arms, strategy, shadows, sticky

    answer = plane.answer(Ask(model="churn", body=body))       # raises Refused, never anything else
    ...                                                        # more requests of the same turn of the loop
    position = plane.commit()                                  # before the replies are sent: hands the records over
    send(answer.body)                                          # with durability `disk`: log.when_synced(position, send)
    plane.work_shadows(budget_s=0.002)                         # after the replies are sent; True while more waits

`answer_many(asks)` gives a list of Answer or Refused in the order of the asks: it scores what waits together where
`batching_pays(model)` says so. `explain(ask, most_rows=...)` gives JSON values. `models()` is {name: (Served, ...)},
`find(name, which)` the Served that a name and a version or alias mean (raises Refused `model.not_served`,
`version.not_served`). `Served.signature`, `.digest`, `.version`, `.labels`, `.classes`, `.decoder.fields` describe it;
`counters()` is what a metrics page shows.

How the chain of fallbacks plugs in:

    plane.admits = lambda served: bool           # False: do not even try (an open circuit); default tries always
    plane.on_success = lambda served: None       # the model answered within its contract
    plane.on_failure = lambda served, ask, error: Answer | None      # None: the caller gets `serving.unavailable`

`on_failure` may call `plane.answer_by(other_served, ask, reason=text)`, which decodes, scores, replies with
`degraded: true` and writes the record, or `plane.answer_constant(served, ask, answer, probabilities)`, where
`answer` is a class position or a value. `error` is None where `admits` said no.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from modelwright.core.errors import AdapterError
from modelwright.records.ports import PredictionLog
from modelwright.records.prediction import CACHED, DEGRADED, SHADOW
from modelwright.serving.asking import Answer, Ask, Refused
from modelwright.serving.judging import Batch
from modelwright.serving.live import Served
from modelwright.serving.roster import Ids, Named, Roster
from modelwright.serving.routing import Chosen, Table
from modelwright.serving.scoring import Outcome
from modelwright.serving.straight import Given, Straight, straight

OnFailure = Callable[[Served, Ask, Exception | None], Answer | None]
_SHADOWS_WAITING = 1_024


class Plane(Roster):
    """Models by name, and the way of a request through them. For one thread."""

    def __init__(self, log: PredictionLog | None = None, *, shadows_waiting: int = _SHADOWS_WAITING) -> None:
        super().__init__(log)
        self.admits: Callable[[Served], bool] | None = None
        self.on_success: Callable[[Served], None] | None = None
        self.on_failure: OnFailure | None = None
        self._shadows: deque[tuple[Served, Batch, str]] = deque()
        self._most_shadows = shadows_waiting
        self.shadows_dropped = self.shadows_failed = self.shadows_answered = 0
        self._ids = Ids()
        self._straight: dict[str, tuple[Named, Table, object, Straight | None]] = {}

    # ------------------------------------------------------------ answering

    def quickly(self, name: str, body: bytes, received: float, caller: str) -> Given | None:
        """The reply to one good row for the champion, its record appended; None where `answer` is to decide.

        For bodies of the simple dialect, sent without options beside them.
        """
        named = self._models.get(name)
        if named is None or self.admits is not None or self.on_success is not None:
            return None
        found = self._straight.get(name)
        if found is None or found[0] is not named or found[1] is not named.table or found[2] is not self._log:
            found = self._straight[name] = (named, named.table, self._log, self._straightened(named))
        answer = found[3]
        return None if answer is None else answer(body, received, caller)

    def answer(self, ask: Ask) -> Answer:
        """Raises Refused and nothing else."""
        named = self._named(ask.model)
        served, chosen, batch = self._routed(named, ask)
        if not batch.request_id:
            batch.request_id = self._ids.next()
        rows = _good(batch)
        try:
            if self.admits is not None and not self.admits(served):
                return self._failed(served, chosen, ask, batch, None)
            outcome = served.score(rows)
        except Exception as error:  # noqa: BLE001 - a model may fail in any way; the caller gets an answer or one sentence
            served.failures += 1
            return self._failed(served, chosen, ask, batch, error)
        if self.on_success is not None:
            self.on_success(served)
        return self._given(named, served, chosen, ask, batch, outcome)

    def answer_many(self, asks: Sequence[Ask]) -> list[Answer | Refused]:
        """As `answer` for each, in their order, a refusal in place of an exception.

        What goes to the same version is scored together; where that fails, each request is answered alone.
        """
        found: list[Answer | Refused | None] = [None] * len(asks)
        groups: dict[int, list[tuple[int, Named, Served, Chosen, Batch]]] = {}
        for at, ask in enumerate(asks):
            try:
                named = self._named(ask.model)
                served, chosen, batch = self._routed(named, ask)
                if not batch.request_id:
                    batch.request_id = self._ids.next()
                _good(batch)
                groups.setdefault(id(served), []).append((at, named, served, chosen, batch))
            except Refused as refusal:
                found[at] = refusal
        for group in groups.values():
            self._answer_group(asks, group, found)
        return [self._or_refused(ask) if each is None else each for ask, each in zip(asks, found, strict=True)]

    def _answer_group(
        self,
        asks: Sequence[Ask],
        group: Sequence[tuple[int, Named, Served, Chosen, Batch]],
        found: list[Answer | Refused | None],
    ) -> None:
        served = group[0][2]
        if self.admits is not None and not self.admits(served):
            return
        parts = [_good(batch) for *_, batch in group]
        try:
            whole = served.score([row for part in parts for row in part])
        except Exception:  # noqa: BLE001 - each is then answered alone, which says what is wrong
            return
        if self.on_success is not None:
            self.on_success(served)
        start = 0
        for (at, named, _, chosen, batch), part in zip(group, parts, strict=True):
            end = start + len(part)
            shares = None if whole.probabilities is None else whole.probabilities[start:end]
            outcome = Outcome(whole.answers[start:end], shares, whole.cached)
            start = end
            try:
                found[at] = self._given(named, served, chosen, asks[at], batch, outcome)
            except Refused as refusal:
                found[at] = refusal

    def _or_refused(self, ask: Ask) -> Answer | Refused:
        try:
            return self.answer(ask)
        except Refused as refusal:
            return refusal

    def answer_by(self, served: Served, ask: Ask, *, reason: str = "") -> Answer:
        """By this very version in place of another; `reason` is told to the caller. Raises what goes wrong with it."""
        batch = served.decoder.decode(ask)
        batch.request_id = batch.request_id or self._ids.next()
        outcome = served.score(_good(batch))
        return self._finished(served, ask, batch, outcome, "fallback", 1.0, DEGRADED, reason)

    def answer_constant(
        self, served: Served, ask: Ask, answer: float, probabilities: Sequence[float] | None = None, reason: str = ""
    ) -> Answer:
        """The same answer for each good row: a class position or a value. In the name of `served`, degraded."""
        batch = served.decoder.decode(ask)
        batch.request_id = batch.request_id or self._ids.next()
        rows = len(batch.values) - batch.refused
        shares = None if probabilities is None else [list(probabilities)] * rows
        return self._finished(served, ask, batch, Outcome([answer] * rows, shares), "fallback", 1.0, DEGRADED, reason)

    def commit(self) -> int:
        """Hand what was answered to the log; call it before the replies are sent. Raises Refused where it cannot."""
        if self._log is None:
            return 0
        try:
            return self._log.commit()
        except AdapterError as error:
            raise _unlogged(error) from error

    def work_shadows(self, budget_s: float = 0.002) -> bool:
        """Answer what waits in the shadow for about so long; whether more waits. Never raises."""
        end = time.monotonic() + budget_s
        while self._shadows:
            served, batch, caller = self._shadows.popleft()
            self._in_the_shadow(served, batch, caller)
            if time.monotonic() >= end:
                break
        return bool(self._shadows)

    def explain(self, ask: Ask, most_rows: int = 10) -> dict[str, Any]:
        """Contributions of each input column to the answer of each row, as JSON values. Raises Refused."""
        from modelwright.serving.explaining import explained

        named = self._named(ask.model)
        served, _chosen, batch = self._routed(named, ask)
        return explained(served, batch, batch.request_id or self._ids.next(), most_rows)

    def counters(self) -> dict[str, Any]:
        """What was counted since the process began."""
        return {
            "shadows": {
                "waiting": len(self._shadows), "answered": self.shadows_answered,
                "dropped": self.shadows_dropped, "failed": self.shadows_failed,
            },
            "models": [served.counters() for served in self._all()],
        }  # fmt: skip

    # ------------------------------------------------------------ inside

    def _straightened(self, named: Named) -> Straight | None:
        arms = named.table.route.arms
        if len(arms) > 1 or named.table.route.shadows:
            return None
        return straight(named.versions[arms[0].version], arms[0].label, self._log, self._ids)

    def _routed(self, named: Named, ask: Ask) -> tuple[Served, Chosen, Batch]:
        """The version and the decoded request. Who is sticky by a key in the body is decoded by the first arm."""
        if ask.which:
            served = self._pinned(named, ask.model, ask.which)
            return served, Chosen(served.version, "pinned", 1.0), served.decoder.decode(ask)
        first = named.versions[named.table.route.arms[0].version]
        batch = first.decoder.decode(ask)
        if batch.version is not None:
            served = self._pinned(named, ask.model, str(batch.version))
            chosen = Chosen(served.version, "pinned", 1.0)
        else:
            chosen = named.table.choose(batch.sticky)
            served = named.versions[chosen.version]
        if served is not first and served.signature.inputs != first.signature.inputs:
            batch = served.decoder.decode(ask)
        return served, chosen, batch

    def _failed(self, served: Served, chosen: Chosen, ask: Ask, batch: Batch, error: Exception | None) -> Answer:
        if self.on_failure is not None:
            try:
                answer = self.on_failure(served, ask, error)
            except Refused:
                raise
            except Exception:  # noqa: BLE001 - a chain that fails leaves nothing but to say so
                answer = None
            if answer is not None:
                if answer.version != served.version:  # else the record of the answer says it
                    self._missed(served, chosen, ask, batch)
                return answer
        self._missed(served, chosen, ask, batch)
        raise Refused(
            f"The model '{served.name}' cannot answer at the moment.",
            code="serving.unavailable",
            hint="try again a little later",
            subject=f"{served.name}:{served.version}",
            retry_after_s=1.0,
        ) from error

    def _missed(self, served: Served, chosen: Chosen, ask: Ask, batch: Batch, flags: int = 0) -> None:
        """Write down that this version was asked and failed: without it a log shows only who answered in its place."""
        if self._log is None or chosen.label == "pinned":
            return
        latency = int((time.monotonic() - ask.received) * 1e6) if ask.received else 0
        nothing = Outcome([None] * (len(batch.values) - batch.refused))
        record = served.record(batch, nothing, "failed", chosen.propensity, latency, flags, ask.caller)
        with contextlib.suppress(AdapterError):  # the caller gets an answer or a sentence all the same
            self._log.append(record)

    def _given(self, named: Named, served: Served, chosen: Chosen, ask: Ask, batch: Batch, outcome: Outcome) -> Answer:
        flags = CACHED if outcome.cached else 0
        answer = self._finished(served, ask, batch, outcome, chosen.label, chosen.propensity, flags)
        if named.table.route.shadows:
            self._shadow(named, named.table.route.shadows, served, batch, ask.caller)
        return answer

    def _finished(
        self, served: Served, ask: Ask, batch: Batch, outcome: Outcome, route: str, propensity: float, flags: int,
        reason: str = "",
    ) -> Answer:  # fmt: skip
        answer = served.answer(batch, outcome, route, degraded=bool(flags & DEGRADED), reason=reason)
        if self._log is not None:
            latency = int((time.monotonic() - ask.received) * 1e6) if ask.received else 0
            self._write(served.record(batch, outcome, route, propensity, latency, flags, ask.caller))
        served.requests += 1
        served.rows += len(batch.values)
        if route != "champion":
            served.routed[route] = served.routed.get(route, 0) + 1
        return answer

    def _write(self, record: bytes) -> None:
        try:
            self._log.append(record)  # type: ignore[union-attr]
        except AdapterError as error:
            raise _unlogged(error) from error

    def _shadow(self, named: Named, shadows: Sequence[int], served: Served, batch: Batch, caller: str) -> None:
        for version in shadows:
            if version == served.version:
                continue
            if len(self._shadows) >= self._most_shadows:
                self.shadows_dropped += 1
            else:
                self._shadows.append((named.versions[version], batch, caller))

    def _in_the_shadow(self, served: Served, batch: Batch, caller: str) -> None:
        try:
            started = time.monotonic()
            outcome = served.score(_good(batch))
            if self._log is not None:
                latency = int((time.monotonic() - started) * 1e6)
                self._log.append(served.record(batch, outcome, "shadow", 1.0, latency, SHADOW, caller))
            self.shadows_answered += 1
            served.requests += 1
            served.routed["shadow"] = served.routed.get("shadow", 0) + 1
        except Exception:  # noqa: BLE001 - the shadow never disturbs the living
            self.shadows_failed += 1
            asked = Ask(model=served.name, caller=caller)
            self._missed(served, Chosen(served.version, "shadow", 1.0), asked, batch, SHADOW)


def _good(batch: Batch) -> Sequence[tuple[Any, ...]]:
    """The rows to score. Raises Refused where none is left."""
    if not batch.refused:
        return batch.values  # type: ignore[return-value]
    good = [row for row in batch.values if row is not None]
    if not good:
        raise Refused(
            "None of the rows can be answered.", code=batch.problems[0].code, subject="rows", problems=batch.problems
        )
    return good


def _unlogged(error: AdapterError) -> Refused:
    return Refused(
        "The prediction cannot be written down, so it is not given.",
        code="serving.unavailable",
        hint=error.hint or "the operator finds the reason in the server's log",
        subject="log",
        retry_after_s=5.0,
    )
