"""The loop in seven stages on a real table and a real server; each does what its commands do, by the same functions."""

from __future__ import annotations

from dataclasses import replace

from modelwright.lifecycle.demonstrating import tables
from modelwright.lifecycle.demonstrating.arriving import drift, quiet
from modelwright.lifecycle.demonstrating.learning import champion, retrain
from modelwright.lifecycle.demonstrating.looks import NAME
from modelwright.lifecycle.demonstrating.measured import unfailed
from modelwright.lifecycle.demonstrating.moving import back, bad, canary
from modelwright.lifecycle.demonstrating.scene import Loop, Wanted
from modelwright.lifecycle.demonstrating.story import NotShownError, Story
from modelwright.lifecycle.demonstrating.traffic import Traffic
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.trial_server import trial_server


def show(wanted: Wanted, story: Story, context: Context) -> Loop:
    """Every stage that can be shown; the first one that cannot ends it, and its stage says why.

    Raises DataError or SpecError where the table cannot show the loop at all."""
    parts = tables.divided(wanted.source, wanted.target, wanted.seed)
    loop = Loop(
        wanted=wanted, story=story, parts=parts, context=replace(context, workspace=wanted.folder / ".modelwright")
    )
    try:
        champion(loop)
        with (
            trial_server(loop.context.workspace, NAME, log=True) as server,
            Traffic(server, NAME, per_s=wanted.per_s, lag_s=wanted.lag_s) as loop.traffic,
        ):
            loop.server = {"url": server.facts["url"], "pid": server.facts["pid"]}
            story.guard = lambda: unfailed(loop.live.whole(), "live traffic")
            for stage in (quiet, drift, retrain, canary, bad, back):
                stage(loop)
    except NotShownError as error:
        story.say(f"This could not be shown: {error}")
    return loop
