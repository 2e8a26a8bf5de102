"""Profile the data and run the data checks; the findings are evidence for the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import digest_of
from modelwright.core.nouns import Finding
from modelwright.lifecycle.prepare import Division, Prepared
from modelwright.lifecycle.workspace import pretty_json
from modelwright.spec.hooks import call, hook_digest
from modelwright.spec.model import Spec

if TYPE_CHECKING:
    from modelwright.checks.evidence import UserStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    profile: dict[str, Any]
    findings: tuple[Finding, ...]


def parts(prepared: Prepared, spec: Spec) -> dict[str, str]:
    """What the result depends on."""
    return {
        "data": prepared.digest,
        "spec.data": digest_of(spec.data),
        "spec.features": digest_of(spec.features),
        "spec.evaluation": digest_of(spec.evaluation),
        "spec.training.seed": str(spec.training.seed),
        "custom": hook_digest(spec.features.custom, _home(prepared)) if spec.features.custom else "",
    }


def _home(prepared: Prepared) -> Path:
    return prepared.base_dir or Path()


def _user_steps(prepared: Prepared, spec: Spec) -> tuple[UserStep, ...]:
    """The user's own functions with the tables they were called with."""
    from modelwright.checks.evidence import UserStep

    steps = []
    if spec.data.prepare is not None and prepared.raw is not None:
        steps.append(("data.prepare", spec.data.prepare, prepared.raw.frame))
    if spec.features.custom is not None:
        # Called with the feature columns, as the first step of the fitted features.
        names = [column.name for column in prepared.dataset.schema.features]
        steps.append(("features.custom", spec.features.custom, prepared.dataset.frame.select(names)))
    return tuple(
        UserStep(section=section, hook=hook, run=partial(call, hook, _home(prepared)), frame=frame)
        for section, hook, frame in steps
    )


def examine(prepared: Prepared, spec: Spec, division: Division) -> Examined:
    """Profile and check; never raises on poor data, says so in findings."""
    from modelwright.checks import once
    from modelwright.checks.evidence import DataEvidence
    from modelwright.checks.run import run_checks
    from modelwright.data.profile import profile

    described = profile(prepared.dataset)
    evidence = DataEvidence(
        dataset=prepared.dataset,
        profile=described,
        problem=prepared.problem,
        spec=spec,
        split=division.split,
        steps=_user_steps(prepared, spec),
    )
    findings = (*run_checks("data", evidence), *run_checks("features", evidence))
    once.forget()  # training needs the memory
    return Examined(profile=described, findings=findings)


def write(folder: Path, prepared: Prepared, spec: Spec, division: Division) -> None:
    found = examine(prepared, spec, division)
    (folder / "profile.json").write_bytes(pretty_json(found.profile))
    (folder / "findings.json").write_bytes(pretty_json(found.findings))


def read(folder: Path) -> Examined:
    return Examined(
        profile=msgspec.json.decode((folder / "profile.json").read_bytes()),
        findings=msgspec.json.decode((folder / "findings.json").read_bytes(), type=tuple[Finding, ...]),
    )
