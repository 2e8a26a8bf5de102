"""Find the model in charge, and compare a new one with it on the same sealed rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.errors import ModelwrightError, StateError
from modelwright.core.nouns import Decision, ModelVersion, Signature
from modelwright.core.ports import Journal
from modelwright.core.report import Comparison
from modelwright.core.tables import Dataset, Predictions
from modelwright.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The version in charge; `obstacle` says why it cannot be compared, where it cannot."""

    version: ModelVersion
    folder: Path
    obstacle: str = ""

    @property
    def key(self) -> str:
        """What a comparison with it depends on."""
        return f"{self.version.bundle_digest} {self.obstacle}".strip()


def find(workspace: Workspace, name: str, seal: str, trained: str) -> Champion | None:
    """The version with the alias champion, else the newest that was not sent back; None where there is no other.

    `trained` is the digest of what training made now: a version that holds the very same result is no rival.
    """
    from modelwright.registry.versions import list_versions

    journal = workspace.journal()
    versions = list_versions(journal, name)
    titled = [version for version in versions if "champion" in version.aliases]
    fit = [version for version in versions if version.decision is not Decision.NEEDS_REWORK]
    for version in reversed(titled or fit):
        learned = _trained(workspace, version)
        if learned == trained:
            if titled:
                return None
            continue
        return Champion(
            version=version, folder=workspace.root / version.bundle_path, obstacle=_obstacle(journal, version, seal)
        )
    return None


def _trained(workspace: Workspace, version: ModelVersion) -> str:
    """The digest of what training made in the run that a version came from; empty when that run is gone."""
    try:
        record = workspace.read_run(version.run_id)
    except ModelwrightError:
        return ""
    return next((step.output for step in record.steps if step.name == "train"), "")


def _obstacle(journal: Journal, version: ModelVersion, seal: str) -> str:
    """Only a model whose own run kept these very rows sealed cannot have learned from them."""
    own = {event.subject for event in journal.read() if event.kind == "test.opened"}
    mine = {
        event.subject
        for event in journal.read()
        if event.kind == "test.opened" and event.payload.get("run") == version.run_id
    }
    if f"seal:{seal}" in mine or (not mine and f"seal:{seal}" in own):
        return ""
    return (
        f"version {version.version} was trained with another split or other data, so it may have learned from the "
        "rows that are sealed now"
    )


def compare_with(
    champion: Champion,
    rows: tuple[Dataset, NDArray[Any], Predictions],
    signature: Signature,
    how: tuple[str, float, int, int],
    hooks: Collection[str] = (),
) -> Comparison:
    """Paired, on the sealed rows: the new model minus the champion, more is better.

    rows: the sealed rows, their y, and the new model's answers. how: metric, level, seed and the number of looks at
    these rows; level and p-value are corrected for the looks (Bonferroni), since each was a chance to pick a winner.
    Raises StateError (`champion.incomparable`) or ModelError when the champion cannot answer these rows.
    """
    import msgspec

    from modelwright.evaluation.comparison import compare
    from modelwright.registry.bundle import load

    if champion.obstacle:
        raise StateError(champion.obstacle, code="champion.incomparable", subject="champion")
    metric, level, seed, looks = how
    sealed, y, mine = rows
    bundle = load(champion.folder, probe=False, expected=champion.version.bundle_digest, hooks=hooks)
    theirs = in_order(bundle.predict(sealed.frame), bundle.signature, signature)
    looks = max(1, looks)
    found = compare(
        y,
        mine,
        theirs,
        metric,
        against=f"version {champion.version.version}",
        level=1.0 - (1.0 - level) / looks,
        seed=seed,
    )
    corrected = None if found.p_value is None else min(1.0, found.p_value * looks)
    return msgspec.structs.replace(found, p_value=corrected)


def in_order(answers: Predictions, theirs: Signature, mine: Signature) -> Predictions:
    """The champion's answers with the classes in the new model's order."""
    import numpy as np

    if (theirs.task, theirs.target) != (mine.task, mine.target) or set(theirs.classes) != set(mine.classes):
        raise StateError(
            f"the champion predicts {theirs.target} as {theirs.task.value}, the new model {mine.target} as "
            f"{mine.task.value}, or their classes differ",
            code="champion.incomparable",
            subject="champion",
        )
    if theirs.classes == mine.classes:
        return answers
    order = np.array([theirs.classes.index(label) for label in mine.classes])
    places = np.argsort(order)
    return Predictions(
        classes=mine.classes,
        probabilities=None if answers.probabilities is None else answers.probabilities[:, order],
        labels=None if answers.labels is None else places[answers.labels].astype(np.int64),
    )
