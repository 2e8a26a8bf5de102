"""Run a stream, kill it at random moments, start it again, until everything is answered; print what happened.

    python -m tests.contracts.crash_harness BUNDLE FROM TO STATE EVENTS KILLS SEED

The parent loads the model once and forks a worker for each life, which runs the very loop of `modelwright stream`.
The first lives end by SIGKILL after a random number of answers; the last one drains and ends by itself.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from modelwright.core import plugins
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.streaming.engine import Limits, Subject
from modelwright.lifecycle.streaming.model import scorer, served
from modelwright.lifecycle.streaming.places import shown
from modelwright.lifecycle.streaming.running import Plan, run


def main() -> int:
    bundle, source, to, state, events, kills, seed = sys.argv[1:8]
    plugins.load_all("brokers")
    model = served(bundle, Path(state))
    plan = Plan(
        source=source,
        to=to,
        dead=f"sqlite:///{state}/dead.sqlite#dead",
        group="crash",
        state=Path(state) / "streams",
        once=True,
        limits=Limits(in_flight=128),
    )
    subject = Subject(model="sums", group="crash", source=shown(source), columns=frozenset(("a", "b")))
    rng = random.Random(int(seed))
    each = int(events) // (int(kills) + 1)
    lives: list[dict[str, Any]] = []
    for life in range(int(kills) + 1):
        last = life == int(kills)
        answers, dies = os.pipe()
        worker = os.fork()
        if worker == 0:
            os.close(answers)
            _live(plan, model, subject, dies)
        os.close(dies)
        lives.append(_follow(worker, answers, None if last else rng.randint(each // 4, each), rng))
    print(json.dumps({"lives": lives}))
    return 0 if lives[-1].get("summary") else 1


def _live(plan: Plan, model: Any, subject: Subject, pipe: int) -> None:
    """Tells the parent of every batch before it is answered, so that a kill can fall anywhere in the work on it."""
    inner = scorer(model, plan.group)

    def score(events: Any) -> Any:
        os.write(pipe, b"%d\n" % len(events))
        return inner(events)

    code = 1
    try:
        found = run(plan, score, subject, Context(workspace=plan.state))
        os.write(pipe, b"=" + json.dumps(found).encode() + b"\n")
        code = 0
    except BaseException as error:  # a forked worker must not return into its parent's code
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    os._exit(code)


def _follow(worker: int, pipe: int, kill_after: int | None, rng: random.Random) -> dict[str, Any]:
    seen, summary = 0, None
    with os.fdopen(pipe, "rb") as lines:
        for line in lines:
            if line.startswith(b"="):
                summary = json.loads(line[1:])
                continue
            seen += int(line)
            if kill_after is not None and seen >= kill_after:
                time.sleep(rng.random() * 0.03)  # anywhere between taking and acknowledging
                os.kill(worker, signal.SIGKILL)
                break
    _, status = os.waitpid(worker, 0)
    return {"worked_on": seen, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "summary": summary}


if __name__ == "__main__":
    sys.exit(main())
