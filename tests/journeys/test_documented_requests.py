"""The requests in the pages about serving are true: each curl command is run as it stands against one server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Signature, SignatureField, Task
from modelwright.core.plugins import load as plugin
from modelwright.core.ports import FitContext, TrainBatch
from modelwright.features import pipeline, planner
from modelwright.registry import bundle
from modelwright.registry.model import Member, Model
from modelwright.spec.model import FeaturesSpec
from tests.journeys.serving_parts import Server, serving

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
PAGES = sorted((Path(__file__).parents[2] / "docs" / "how-to").glob("*.md"))
_COMMAND = re.compile(r"^curl (?:.*\\\n)*.*$", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """Page and command of every request to a model that is served; `{...}` stands for what the server prints."""
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        found += [(page.stem, command) for block in blocks for command in _COMMAND.findall(block)]
    return [(page, command) for page, command in found if "127.0.0.1" in command and "{...}" not in command]


def _bundle(folder: Path) -> Path:
    """The model of the pages: `churn`, of `tenure` and `contract`."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"tenure": rng.integers(0, 72, 200).astype(np.float64), "contract": rng.choice(["monthly", "yearly"], 200)}
    )
    y = ((frame["tenure"] < 20) & (frame["contract"] == "monthly")).to_numpy().astype(np.int64)
    types = {"tenure": ColumnType.NUMBER, "contract": ColumnType.CATEGORY}
    schema = Schema(columns=tuple(Column(name=name, type=kind, role=Role.FEATURE) for name, kind in types.items()))
    family = plugin("families", "lightgbm")
    plan = planner.plan(schema, FeaturesSpec(), family.needs, Task.BINARY, frame.height)
    features, matrix = pipeline.fit(plan, frame, y, FitContext(seed=0))
    batch = TrainBatch(X=matrix, y=y, task=Task.BINARY, n_classes=2)
    fitted = family.fit(batch, family.Params(n_estimators=5), FitContext(seed=0))
    signature = Signature(
        inputs=tuple(SignatureField(name=name, type=kind) for name, kind in types.items()), task=Task.BINARY,
        target="churned", classes=("no", "yes"), target_type=ColumnType.CATEGORY, positive="yes",
    )  # fmt: skip
    model = Model(signature=signature, members=(Member(features=features, family="lightgbm", fitted=fitted),))
    contents = bundle.BundleContents(model=model, name="churn", sample=frame, reference=frame, choose="compiled")
    bundle.write(folder, contents)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("pages")
    space = root / ".modelwright"
    space.mkdir()
    with serving(space, str(_bundle(root / "bundle")), log=True) as found:
        yield found


def _run(command: str, port: int) -> tuple[int, str]:
    asked = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", command) + " -sS -w '\\n%{http_code}'"
    done = subprocess.run(
        asked,
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"KEY": "mw_any", "PATH": "/usr/bin:/bin"},
    )
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


def test_the_pages_hold_requests() -> None:
    assert {page for page, _ in commands()} >= {"call-a-served-model", "host-the-app-elsewhere"}


@pytest.mark.parametrize(("page", "command"), commands())
def test_every_request_in_the_pages_is_answered(page: str, command: str, server: Server) -> None:
    status, text = _run(command, server.port)
    assert status == 200, f"{page}: {text}"
    assert '"model":{"name":"churn"' in text


def test_the_line_that_the_server_prints_works_as_it_stands(server: Server) -> None:
    assert _run(server.facts["curl"], server.port)[0] == 200
