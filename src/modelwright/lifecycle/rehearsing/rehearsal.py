"""Play a rollout: the journal is in memory, the clock is the log's, everything else is what runs in earnest.

Each request is dealt by the route of the present step, each version answers it with its real bundle, and the driver's
own tick decides. Latencies are those that the log has, for every version: a laptop's would say nothing.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from modelwright.core.clock import timestamp
from modelwright.core.errors import StateError
from modelwright.core.nouns import Event
from modelwright.lifecycle.rehearsing import replayed
from modelwright.lifecycle.rehearsing.faults import Fault
from modelwright.lifecycle.rolling_out import driving
from modelwright.lifecycle.rolling_out import evidence as reading
from modelwright.lifecycle.rolling_out.driving import Tick
from modelwright.lifecycle.workspace import Workspace
from modelwright.registry import rollouts, versions
from modelwright.registry.rollout_rules import Evidence, Move, summary
from modelwright.registry.rollout_state import Plan, Rollout
from modelwright.serving.routing import Arm, Route, Table

_TICKS = 120


class MemoryJournal:
    """Events of one rehearsal, at the times of the log that is replayed."""

    def __init__(self, events: list[Event], at: datetime) -> None:
        self.events, self.at = list(events), at

    def read(self, after: int = 0) -> list[Event]:
        return [event for event in self.events if event.sequence > after]

    def append(self, kind: str, subject: str, payload: Mapping[str, Any], *, expected: int | None = None) -> Event:
        last = self.events[-1].sequence if self.events else 0
        if expected is not None and expected != last:
            raise StateError("The rehearsal has moved on.", code="journal.lost_race", retryable=True)
        event = Event(
            sequence=last + 1, at=timestamp(self.at), actor="rehearsal", kind=kind, subject=subject,
            payload=msgspec.json.decode(msgspec.json.encode(payload)),
        )  # fmt: skip
        self.events.append(event)
        return event


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    plan: Plan
    source: str
    faults: tuple[tuple[str, float | None], ...] = ()
    from_share: float = 0.3  # of the rows, when faults begin
    per_second: float = 10.0  # a plain table's pace
    override: str | None = None
    actor: str = "local"
    seed: int = 0


def rehearse(space: Workspace, asked: Asked) -> dict[str, Any]:
    """Raises what a start would raise, and DataError (`rehearsal.rows`, `rehearsal.columns`, `rehearsal.format`)."""
    past = [event for event in space.journal().read() if event.kind in versions.KINDS]
    rows = replayed.source(asked.source, space.root, asked.name)
    known = {one.version: one for one in versions.fold(past) if one.name == asked.name}
    base = rollouts.champion_of(space.journal(), asked.name)
    traffic = replayed.as_traffic(rows, _signature(space.root, known[base]), asked.per_second)
    play = _Play(space, asked, MemoryJournal(past, traffic["at"][0]), traffic)
    return play.run(known)


def _signature(root: Path, version: Any) -> Any:
    from modelwright.registry.bundle import load

    return load(root / version.bundle_path, expected=version.bundle_digest).signature


class _Play:
    def __init__(self, space: Workspace, asked: Asked, journal: MemoryJournal, traffic: pl.DataFrame) -> None:
        self.space, self.asked, self.journal, self.traffic = space, asked, journal, traffic
        self.rng = random.Random(asked.seed)  # noqa: S311 - the lot of a rehearsal
        self.rollout = rollouts.start(
            journal, space.root, asked.name, asked.plan, actor=asked.actor, override=asked.override
        )
        self.began = len(journal.events)
        self.token = rollouts.claim(journal, asked.name, "rehearsal").token
        first = int(asked.from_share * traffic.height)
        self.faults = tuple(_fault(kind, strength, first) for kind, strength in asked.faults)
        self.dealt = np.zeros(traffic.height, dtype=np.int64)  # version by row
        self.shares = np.zeros(traffic.height)
        self.step_from = self.seen = 0

    def run(self, known: dict[int, Any]) -> dict[str, Any]:
        drift = tuple(fault for fault in self.faults if fault.kind == "drift")
        plan = self.rollout.plan
        self.answers = {
            version: replayed.answered(
                self.traffic, self.space.root, known[version], drift if version == plan.base else self.faults, version
            )
            for version in self.rollout.versions
        }
        times = self.traffic["at"].to_list()
        done, last = 0, Tick(rollout=self.rollout, move=_NOTHING)
        for until in self._ends(times):
            end = bisect_right(times, until)
            self._deal(done, end)
            done = self.seen = end
            self.journal.at = until
            last = self._tick(end)
            if not last.rollout.active or last.rollout.state == "held":
                break
        return self._told(last, done, times)

    def _ends(self, times: list[datetime]) -> list[datetime]:
        """When it is looked: evenly in time, and at least ten times in a step."""
        span = (times[-1] - times[0]).total_seconds()
        every = max(span / _TICKS, 1e-3)
        return [times[0] + timedelta(seconds=every * number) for number in range(1, _TICKS)] + [times[-1]]

    def _deal(self, start: int, end: int) -> None:
        """By the very table that servers use; without a key of its own a request draws its lot."""
        arms = tuple(Arm(version=version, weight=weight, label=label) for version, weight, label in self.rollout.arms())
        table = Table(Route(arms=arms, salt=self.rollout.id))
        for place in range(start, end):
            chosen = table.choose(f"{self.rng.random()}")
            self.dealt[place], self.shares[place] = chosen.version, chosen.propensity

    def _tick(self, end: int) -> Tick:
        found = self._evidence(end)
        before = (self.rollout.step, self.rollout.weights)
        tick = driving.decide_and_move(
            self.space, self.journal, self.rollout, found, self.token, self.journal.at, self._report
        )
        self.rollout = tick.rollout
        if (self.rollout.step, self.rollout.weights) != before:
            self.step_from = end
        return tick

    def _evidence(self, end: int) -> Evidence:
        shadow = self.rollout.plan.strategy == "shadow"
        whole, step = {}, {}
        since = 0 if self.rollout.plan.strategy == "bandit" else self.step_from
        for version in self.rollout.versions:
            mine = np.flatnonzero((self.dealt[:end] == version) | (shadow & (version != self.rollout.plan.base)))
            rows = self._seen(version, mine)
            whole[version] = reading.arm(rows)
            step[version] = whole[version] if since == 0 else reading.arm(self._seen(version, mine[mine >= since]))
        return Evidence(whole=whole, step=step)

    def _seen(self, version: int, places: Any) -> pl.DataFrame:
        """Rows as the log would show them now: labels that have not arrived are not there yet."""
        rows: pl.DataFrame = self.answers[version][places]
        late = pl.col("known_at").is_not_null() & (pl.col("known_at") > self.journal.at)
        rows = rows.with_columns(
            label=pl.when(late).then(None).otherwise(pl.col("label")),
            label_value=pl.when(late).then(None).otherwise(pl.col("label_value")),
        )
        if self.rollout.plan.strategy == "shadow":
            rows = reading.beside(rows, self.answers[self.rollout.plan.base])
        return rows

    def _report(self, rollout: Rollout) -> dict[str, Any]:
        from modelwright.lifecycle.rolling_out import shadow

        base, other = rollout.plan.base, rollout.plan.to[0]
        rows = [
            self.answers[base].with_columns(route=pl.lit("champion")),
            self.answers[other].with_columns(
                route=pl.when(pl.col("missed")).then(pl.lit("failed")).otherwise(pl.lit("shadow"))
            ),
        ]
        features = self.traffic.select(pl.col("^f_.*$"))
        return shadow.of_rows(
            pl.concat([pl.concat([one, features], how="horizontal") for one in rows], how="diagonal"), base, other
        )

    # ------------------------------------------------------------ what came of it

    def _told(self, last: Tick, done: int, times: list[datetime]) -> dict[str, Any]:
        rollout, plan = self.rollout, self.rollout.plan
        ended = not rollout.active or rollout.state == "held"
        stopped = rollout.state in ("aborted", "held")
        return {
            "name": self.asked.name,
            "strategy": plan.strategy,
            "from": plan.base,
            "to": list(plan.to),
            "outcome": rollout.state if ended else "the log ended first",
            "stopped": None if not stopped else {
                "at": timestamp(self.journal.at),
                "row": done,
                "step": rollout.step + 1,
                "share": plan.steps[rollout.step],
                "rule": rollout.rule or last.move.rule,
                "reason": rollout.reason or last.move.reason,
                "rows_after_fault": None if not self.faults else done - self.faults[0].from_row,
                "exposed": {str(v): int((self.dealt[:done] == v).sum()) for v in rollout.versions},
                "evidence": [msgspec.to_builtins(one) for one in last.move.judged if one.state == "stop"],
            },
            "now": msgspec.to_builtins(last.move),
            "timeline": [_line(event) for event in self.journal.events[self.began - 1 :]],
            "numbers": summary(self._evidence(done), plan),
            "champion": rollout.champion,
            "looks": list(rollout.looks),
            "report": (rollout.evidence or {}).get("report"),
            "rows": self.traffic.height,
            "span": {"from": timestamp(times[0]), "to": timestamp(times[-1])},
            "fault_reached": done > self.faults[0].from_row if self.faults else None,
            "injected": [msgspec.to_builtins(fault) for fault in self.faults],
            "assumed": "latencies are those of the log for every version; labels arrive as they did in the log",
        }  # fmt: skip


_NOTHING = Move(do="wait", reason="nothing was replayed")


def _fault(kind: str, strength: float | None, first: int) -> Fault:
    from modelwright.lifecycle.rehearsing.faults import USUAL

    return msgspec.convert(
        {"kind": kind, "strength": USUAL[kind] if strength is None else strength, "from_row": first}, Fault
    )


def _line(event: Event) -> dict[str, Any]:
    kept = ("step", "share", "reason", "rule", "champion", "weights", "look")
    said = {name: event.payload[name] for name in kept if event.payload.get(name) not in (None, "")}
    return {"at": event.at, "kind": event.kind, **said}
