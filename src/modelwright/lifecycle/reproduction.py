"""What differs between a run and its repetition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelwright.core.digests import sha256_file
from modelwright.core.run import RunRecord


def changed_files(before: Path, now: Path) -> list[str]:
    """Names of bundle files that are not byte for byte the same."""
    first, second = _digests(before), _digests(now)
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))


def changed_inputs(before: RunRecord, now: RunRecord) -> dict[str, Any]:
    """Inputs that are not what they were: data, code, environment, packages one by one."""
    found: dict[str, Any] = {}
    if before.data_digest != now.data_digest:
        found["data"] = {"before": before.data_digest, "now": now.data_digest}
    if before.schema != now.schema:
        found["schema"] = {"before": _columns(before), "now": _columns(now)}
    parts = {step.name: step.parts for step in before.steps}
    for step in now.steps:
        for part in ("code", "hooks", "plugins"):
            old = parts.get(step.name, {}).get(part)
            if step.name in parts and old != step.parts.get(part):
                found[part] = {"before": old, "now": step.parts.get(part)}
    old_packages, new_packages = before.environment.get("packages", {}), now.environment.get("packages", {})
    for name in sorted({*old_packages, *new_packages}):
        if old_packages.get(name) != new_packages.get(name):
            found[f"package {name}"] = {"before": old_packages.get(name), "now": new_packages.get(name)}
    for name in ("python", "system", "machine"):
        if before.environment.get(name) != now.environment.get(name):
            found[name] = {"before": before.environment.get(name), "now": now.environment.get(name)}
    return found


def _columns(record: RunRecord) -> list[str]:
    return [f"{column.name}:{column.type}:{column.role}" for column in record.schema.columns] if record.schema else []


def _digests(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): sha256_file(file) for file in folder.rglob("*") if file.is_file()}
