"""The stages that train: the champion, and the challenger that a watcher makes of late labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelwright.lifecycle.demonstrating.looks import NAME
from modelwright.lifecycle.demonstrating.measured import copied, span, unfailed
from modelwright.lifecycle.demonstrating.scene import REASON, Loop
from modelwright.lifecycle.demonstrating.story import NotShownError, Stage

_PIPELINE = """\
# Written by `modelwright demo loop`; what it declares is what the demo shows.
data: {{source: {data}}}
features: {{target: {target}}}
model: {{type: extra_trees, name: {name}, params: {{n_estimators: 30}}}}  # quick, and enough here
evaluation: {{metric: accuracy}}
training: {{budget_s: {budget_s}, proof_share: 0.0, workers: 1, seed: {seed}}}
monitoring:
  # a demo sees a day in a minute, so it may be wrong once in a day of its traffic
  drift: {{window: 100rows, alarms_per_day: 1.0}}
retraining:
  on_drift: false      # moved columns alone do not say that the model is wrong
  on_decay: true       # errors that rose do
  logged_rows: true    # learn from logged predictions whose labels have come
  noise_jump: 1.0      # labels that changed their meaning look like noise: known here, and so allowed
  frozen_loss: 1.0  # the frozen rows follow the old rule
  strategy: hold       # the demo begins the canary itself, with short steps
"""


def write(loop: Loop, name: str, frame: Any) -> Path:
    frame.write_csv(loop.wanted.folder / f"{name}.csv")
    text = _PIPELINE.format(
        data=f"{name}.csv", target=loop.parts.target, name=NAME, seed=loop.wanted.seed,
        budget_s=max(5, round(loop.story.left_s * 0.6)),
    )  # fmt: skip
    file = loop.wanted.folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def trained(loop: Loop, file: Path, stage: Stage) -> dict[str, Any]:
    from modelwright.lifecycle.pipeline import Order, execute
    from modelwright.lifecycle.summaries import outcome
    from modelwright.spec.load import load_spec

    loaded = load_spec(file)
    order = Order(spec=loaded.spec, text=loaded.text, base_dir=file.parent, name=NAME)
    with loaded.locating():
        found: dict[str, Any] = outcome(execute(order, loop.context))
    _go_on(found["notes"])
    if found["status"] != "done" or found["version"] is None:
        raise NotShownError(f"training ended as {found['status']}")
    accuracy = found["metrics"]["test"]["accuracy"]
    stage.facts |= {
        "version": found["version"], "verdict": found["verdict"], "reasons": found["reasons"][:2], "accuracy": accuracy,
        "train_s": found["timings_s"]["total"], "report": found["paths"]["report"],
    }  # fmt: skip
    return found


def _go_on(notes: Sequence[str]) -> None:
    """Ctrl-C during training keeps the best model there is; of a demo it is the end. Raises KeyboardInterrupt."""
    if "interrupted" in notes:
        raise KeyboardInterrupt


def champion(loop: Loop) -> None:
    parts, story = loop.parts, loop.story
    with story.stage("champion", f"A champion learns from {parts.base.height:,} rows of {parts.source}") as stage:
        found = trained(loop, write(loop, "pipeline", parts.base), stage)
        stage.facts |= {"rows": parts.base.height}
        promoted(loop, stage, found["version"], expect=0)
        story.claim(stage, f"Version {found['version']} is champion through the gate",
                    f"{found['verdict']}, accuracy {span(stage.facts['accuracy'])} on sealed rows")  # fmt: skip


def promoted(loop: Loop, stage: Stage, version: int, expect: int) -> None:
    from modelwright.registry.promotion import Promotion, promote

    wanted = Promotion(name=NAME, version=version, expect=expect, reason=REASON, actor=loop.context.actor)
    stage.facts["conditions"] = list(promote(loop.space.journal(), loop.space.root, wanted).conditions)


def retrain(loop: Loop) -> None:
    """A round of `modelwright watch`: it sees the decay and retrains; traffic goes on meanwhile."""
    from modelwright.lifecycle.watching import Watcher
    from modelwright.monitoring import policy

    story = loop.story
    with story.stage("challenger", "A watcher retrains on what the log and its labels hold now") as stage:
        tally = loop.live.send("while retraining")
        told = Watcher(NAME, loop.context).once()
        tally = copied(tally)
        jobs = policy.fold(loop.space.journal().read(), NAME)
        if not jobs:
            raise NotShownError(f"the watcher began no retraining: {told['problems'] or told['waiting']}")
        job = jobs[-1]
        stage.facts |= {"trigger": job.trigger, "outcome": job.outcome, "reason": job.reason, "stages": job.stages,
                        "alerts": told["alerts"], "signals": told["signals"], "traffic": tally.as_dict()}  # fmt: skip
        if "trained" in job.stages:
            _go_on(loop.space.read_run(job.stages["trained"]["run_id"]).notes)
        compared = job.stages.get("compared", {})
        if not compared.get("passed"):
            raise NotShownError(f"the challenger was held back: {job.reason}")
        stage.facts["version"] = job.stages["trained"]["version"]
        story.claim(stage, f"{job.trigger.capitalize()} led to version {stage.facts['version']}",
                    f"{job.stages['gathered']['logged']} logged rows with labels, "
                    f"verdict {job.stages['trained']['decision']}")  # fmt: skip
        story.claim(stage, "It is better than the champion on rows that neither learned from", _paired(compared))
        unfailed(tally, "traffic while retraining")


def _paired(compared: dict[str, Any]) -> str:
    found = compared["recent"]
    difference = found["difference"]
    p = "" if found.get("p_value") is None else f", p {found['p_value']:.2g}"
    return (f"{found['metric']} {difference['value']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f}) "
            f"on {found['n']} recent rows{p}")  # fmt: skip
