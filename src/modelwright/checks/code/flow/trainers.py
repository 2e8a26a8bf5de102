"""Trainers: objects that fit and judge a net handed to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwright.checks.code.flow import judging, learners
from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.values import UNKNOWN, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call


def trainer_fits(m: Machine, c: Call, trainer: Value) -> Value:
    """`trainer.fit(net, train_loader, val_loader)`: the net is what is fitted."""
    net = c.get(0, "model") or UNKNOWN
    x = c.get(1, "train_dataloaders", "train_dataloader") or UNKNOWN
    seen = c.get(2, "val_dataloaders", "val_dataloader")
    if net.kind == "unknown" and net is not UNKNOWN:  # a net of a module that is not seen
        net.become(m.new("module", "", net.node or c.node, loops=net.loops))
    if net.kind not in {"module", "estimator", "object"} or not x.rows:
        return UNKNOWN
    found = learners.fit(m, type(c)(c.node, [x], {}), net, "fit")
    found.before, found.watched = None, seen
    learners.watch_by(found, (trainer.params or {}).get("callbacks"))
    return UNKNOWN


def trainer_judges(m: Machine, c: Call, trainer: Value) -> Value:
    """`trainer.test(net, loader)`."""
    net, x = c.get(0, "model"), c.get(1, "dataloaders", "test_dataloaders", "val_dataloaders")
    if net is None or x is None or net.kind not in {"module", "estimator", "object"} or not x.rows:
        return UNKNOWN
    return judging.score(m, type(c)(c.node, [x], {}), net, "score")
