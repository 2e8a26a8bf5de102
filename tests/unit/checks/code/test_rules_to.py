"""Torch rules under mutation: mend the fault and the finding goes, put it back and it returns."""

from __future__ import annotations

import pytest

from modelwright.core.nouns import Severity
from tests.unit.checks.code.reviewing_rules import codes, found

LOOP = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.d = nn.Dropout(0.1)
        self.b = nn.Linear(4, 2)
    def forward(self, x):
        return self.b(self.d(torch.relu(self.a(x))))
net = Net()
optimizer = torch.optim.Adam(net.parameters())
criterion = nn.CrossEntropyLoss()
for epoch in range(3):
    net.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    net.eval()
    with torch.no_grad():
        for x, y in val_loader:
            hits = (net(x).argmax(1) == y).sum().item()
"""


def test_a_sound_loop_is_left_alone() -> None:
    for rule in ("to_loops", "to_judging", "to_losses", "to_modules"):
        assert codes(rule, LOOP) == set()


@pytest.mark.parametrize(
    ("rule", "old", "new", "code"),
    [
        ("to_loops", "        optimizer.zero_grad()\n", "", "TO601"),
        ("to_loops", "    net.train()\n", "", "TO604"),
        ("to_loops", "loss.item()", "loss", "TO605"),
        ("to_judging", "    net.eval()\n", "", "TO602"),
        ("to_judging", "    with torch.no_grad():", "    if True:", "TO603"),
        (
            "to_losses",
            "return self.b(self.d(torch.relu(self.a(x))))",
            "return torch.softmax(self.b(self.a(x)), dim=1)",
            "TO606",
        ),
        ("to_modules", "self.a = nn.Linear(4, 4)", "self.a = [nn.Linear(4, 4)]", "TO609"),
        ("to_modules", "criterion(net(x), y)", "criterion(net.forward(x), y)", "TO610"),
    ],
)
def test_one_fault_one_finding(rule: str, old: str, new: str, code: str) -> None:
    assert old in LOOP
    assert codes(rule, LOOP.replace(old, new, 1)) == {code}


@pytest.mark.parametrize(
    ("rule", "code", "faulty", "mends"),
    [
        (
            "to_loops",
            "TO601",
            LOOP.replace("        optimizer.zero_grad()\n", ""),
            [
                ("        optimizer.step()\n", "        optimizer.step()\n        net.zero_grad()\n"),
                ("        loss.backward()\n", "        net.zero_grad(set_to_none=True)\n        loss.backward()\n"),
                (
                    "        optimizer.step()\n",
                    "        optimizer.step()\n        for p in net.parameters():\n            p.grad = None\n",
                ),
                (
                    "        optimizer.step()\n",
                    "        if step % 4 == 0:\n            optimizer.step()\n            optimizer.zero_grad()\n",
                ),
            ],
        ),
        (
            "to_judging",
            "TO602",
            LOOP.replace("    net.eval()\n", ""),
            [
                ("    with torch.no_grad():", "    net.train(False)\n    with torch.no_grad():"),
                ("        self.d = nn.Dropout(0.1)\n", "        self.d = nn.Identity()\n"),
            ],
        ),
    ],
)
def test_every_way_to_mend_it_is_known(rule: str, code: str, faulty: str, mends: list[tuple[str, str]]) -> None:
    assert code in codes(rule, faulty)
    for old, new in mends:
        assert old in faulty
        assert code not in codes(rule, faulty.replace(old, new, 1)), new


def test_kept_losses_weigh_more_than_a_graph_alone() -> None:
    plain = LOOP.replace("    with torch.no_grad():", "    if True:")
    kept = plain.replace(
        "            hits = (",
        "            loss = criterion(net(x), y)\n            total += loss\n            hits = (",
    )
    assert [finding.severity for finding in found("to_judging", plain)] == [None]
    assert [finding.severity for finding in found("to_judging", kept)] == [Severity.MEDIUM]
