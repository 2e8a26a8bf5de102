"""The stages that move traffic: a canary that passes, one that stops itself, and the way back."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.demonstrating import tables
from modelwright.lifecycle.demonstrating.learning import promoted, trained, write
from modelwright.lifecycle.demonstrating.looks import NAME
from modelwright.lifecycle.demonstrating.measured import (
    by_version,
    copied,
    settled,
    share_right,
    span,
    unfailed,
    version_of,
)
from modelwright.lifecycle.demonstrating.scene import REASON, Loop
from modelwright.lifecycle.demonstrating.story import NotShownError, Stage

_CANARY = "20,50,100"
#: answers with labels in a step; 8 of 10 wrong against 1 of 10 is shown by about 40
_ROWS = 75
_STOPS = ("error_rate>0.05", "wrong_rate>champion+0.1", "latency_p99>2s")


def _driven(loop: Loop, version: int, stage: Stage, part: str) -> Any:
    """The canary from its start to its end, with a line for each move."""
    from modelwright.lifecycle.rolling_out import driving
    from modelwright.registry import rollouts
    from modelwright.registry.rollout_plan import plan

    planned = plan("canary", (version,), steps=_CANARY, stops=_STOPS, hold_s=2.0, min_rows=_ROWS, deadline_s=600.0)
    space = loop.space
    begun = rollouts.start(space.journal(), space.root, NAME, planned, actor=loop.context.actor, reason=REASON)
    loop.live.send(part, loop.rows("fresh"))
    token, last = driving.claim(loop.space, NAME), [-1]

    def over() -> Any:
        tick = driving.tick(loop.space, NAME, token)
        if tick.rollout.active and tick.rollout.step != last[0]:
            last[0] = tick.rollout.step
            loop.story.say(f"   {tick.rollout.share:.0%} of the requests to version {version}")
        return None if tick.rollout.state == "running" else tick

    tick = loop.story.until(over, f"the canary of version {version}", 0.5)
    judged = [{"rule": one.rule, "state": one.state, "value": one.value, "champion": one.champion,
               "p_value": one.p_value, "needs": one.needs, "rows": one.rows} for one in tick.move.judged]  # fmt: skip
    stage.facts |= {"rollout": begun.id, "state": tick.rollout.state, "rule": tick.rollout.rule,
                    "reason": tick.move.reason, "judged": judged, "steps": list(planned.steps),
                    "reached": tick.rollout.share, "stops": list(_STOPS)}  # fmt: skip
    return tick


def canary(loop: Loop) -> None:
    story, version = loop.story, version_of(loop, "challenger")
    with story.stage("canary", f"Version {version} gets traffic in steps of {_CANARY} per cent") as stage:
        tick = _driven(loop, version, stage, "canary")
        if tick.rollout.state != "finished":
            raise NotShownError(f"the canary ended as {tick.rollout.state}: {tick.move.reason}")
        tally = settled(loop, "canary", version)
        stage.facts["traffic"] = tally.as_dict()
        unfailed(tally, "the canary")
        story.claim(stage, f"Version {version} is champion through the gate, and no request failed",
                    f"{tally.requests} requests, {tally.failed} failed, answers by version {by_version(tally)}, right: "
                    f"version 1 {share_right(tally, 1)}, version {version} {share_right(tally, version)}")  # fmt: skip


def bad(loop: Loop) -> None:
    import polars as pl

    story, champion = loop.story, version_of(loop, "challenger")
    with story.stage("bad challenger", "Somebody trains on a table that was exported one column off") as stage:
        loop.live.send("while the bad one trains")
        rows = pl.concat([loop.parts.base, loop.parts.learn], how="vertical_relaxed")
        found = trained(loop, write(loop, "misaligned", tables.misaligned(rows, loop.parts.target)), stage)
        unfailed(copied(loop.live.parts["while the bad one trains"]), "traffic while the bad one trained")
        story.claim(stage, "Its review cannot see it: the table is wrong in the same way everywhere",
                    f"{found['verdict']}, accuracy {span(stage.facts['accuracy'])} on sealed rows")  # fmt: skip
        tick = _driven(loop, found["version"], stage, "bad canary")
        if tick.rollout.state != "aborted":
            raise NotShownError(f"its canary was not stopped: {tick.rollout.state}, {tick.move.reason}")
        tally = settled(loop, "bad canary", champion)
        stage.facts["traffic"] = tally.as_dict()
        unfailed(tally, "the bad canary")
        story.claim(stage, f"Its canary stopped itself, and version {champion} keeps serving",
                    f"{tick.move.reason}; {tally.versions.get(found['version'], 0)} of {tally.requests} requests "
                    f"met it, {tally.failed} failed")  # fmt: skip


def back(loop: Loop) -> None:
    from modelwright.lifecycle.rolling_back import Order, roll_back

    story, champion = loop.story, version_of(loop, "challenger")
    with story.stage("rollback", "One command takes traffic back to the version before") as stage:
        loop.live.send("rollback")
        done = roll_back(loop.space, Order(name=NAME, reason=REASON))
        tally = settled(loop, "rollback", int(done["to"]))
        stage.facts |= {"from": done["from"], "to": done["to"], "seconds": done["seconds"],
                        "moved_s": done["moved_s"], "checked_s": done["checked_s"], "followed": done["followed"],
                        "traffic": tally.as_dict()}  # fmt: skip
        if done["lagging"]:
            raise NotShownError(f"{len(done['lagging'])} processes did not follow")
        unfailed(tally, "the rollback")
        story.claim(stage, f"Back on version {done['to']} in {done['seconds']:.2f} s without a failed request",
                    f"{done['checked_s']:.2f} s to check the bundle in a process of its own, "
                    f"{done['seconds'] - done['checked_s']:.2f} s until {done['followed']} server processes followed; "
                    f"{tally.requests} requests meanwhile, {tally.failed} failed, "
                    f"answers by version {by_version(tally)}")  # fmt: skip
        promoted(loop, stage, champion, expect=int(done["to"]))
        loop.live.send("forward")
        tally = settled(loop, "forward", champion)
        stage.facts["forward"] = tally.as_dict()
        unfailed(tally, "going forward")
        story.claim(stage, f"And forward again: version {champion} is champion at the end",
                    f"answers by version {by_version(tally)}, {tally.failed} failed")  # fmt: skip
