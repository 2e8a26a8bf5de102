"""The stages of traffic: quiet as in training, then drifted; what the log says without labels and with them."""

from __future__ import annotations

from typing import Any

from modelwright.lifecycle.demonstrating.looks import decay_now, drift_now, labelled_now, strongest
from modelwright.lifecycle.demonstrating.measured import error_rate, share_right, unfailed
from modelwright.lifecycle.demonstrating.scene import Loop

_LOOK_S = 1.0


def quiet(loop: Loop) -> None:
    story, rows = loop.story, loop.rows("quiet")
    with story.stage("serve", f"A server answers {loop.wanted.per_s:.0f} requests a second") as stage:
        story.say(f"   {loop.server['url']}, process {loop.server['pid']}")
        tally = loop.live.send("quiet", rows, again=False)
        story.until(lambda: tally.requests >= len(rows), "quiet traffic")
        story.until(lambda: labelled_now(loop.space) >= len(rows), "labels of quiet traffic")
        found = drift_now(loop.space)
        decay = decay_now(loop.space)
        stage.facts |= {**loop.server, "traffic": tally.as_dict(), "drift": found["alarm"], "decay": decay["alarm"]}
        unfailed(tally, "quiet traffic")
        story.claim(stage, "Traffic as in training raises no alarm" if not (found["alarm"] or decay["alarm"])
                    else "Quiet traffic raised an alarm, which is a false one",
                    f"{tally.requests} requests, {share_right(tally, 1)} right, smallest adjusted p "
                    f"{strongest(found)}, decay {'alarm' if decay['alarm'] else 'none'}")  # fmt: skip


def drift(loop: Loop) -> None:
    story, drift = loop.story, loop.parts.drift
    with story.stage("drift", f"The world moves: {len(drift.columns)} columns and "
                              f"{len(drift.classes)} pairs of classes") as stage:  # fmt: skip
        before, labelled = loop.live.parts["quiet"].requests, labelled_now(loop.space)
        rows = loop.rows("learn")
        tally = loop.live.send("drifted", rows, again=False)
        found = story.until(lambda: _alarming(drift_now(loop.space)), "drift in the prediction log", _LOOK_S)
        seen = found["rows"] - before
        stage.facts |= {"rows_to_drift_alarm": seen, "drift": found, "columns": list(drift.columns),
                        "classes": [list(pair) for pair in drift.classes]}  # fmt: skip
        real = sorted(set(found["alarmed"]) & set(drift.columns))
        story.claim(stage, "Drift is found in the prediction log, without any label",
                    f"{seen} drifted rows after it began, {len(real)} of the {len(drift.columns)} moved columns named, "
                    f"smallest adjusted p {strongest(found)}")  # fmt: skip
        decay = story.until(lambda: _alarming(decay_now(loop.space)), "decay once labels arrive", _LOOK_S)
        stage.facts |= {"decay": decay, "labels_to_decay_alarm": decay["alarm_at_row"] + 1 - labelled}
        story.claim(stage, "Decay is found when late labels arrive",
                    f"{decay['alarm_at_row'] + 1 - labelled} drifted labels, error {decay['baseline']['value']:.1%} "
                    f"before and {error_rate(decay)} now, by {decay['detector']}")  # fmt: skip
        goal = labelled + len(rows)
        story.until(lambda: labelled_now(loop.space) >= goal, "labels to learn from")
        stage.facts["traffic"] = tally.as_dict()
        unfailed(tally, "drifted traffic")


def _alarming(found: dict[str, Any]) -> dict[str, Any] | None:
    return found if found["alarm"] else None
