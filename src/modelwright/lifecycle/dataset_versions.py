"""Facts of every dataset version a workspace has used, kept by digest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelwright.core.errors import NotFoundError, did_you_mean
from modelwright.lifecycle.workspace import Workspace, pretty_json, write_atomically

if TYPE_CHECKING:
    from modelwright.core.tables import Dataset
    from modelwright.data.versions import Manifest


def keep(workspace: Workspace, dataset: Dataset, base_dir: Path) -> None:
    """Write the facts of this version down, unless they are there."""
    from modelwright.data.versions import manifest

    file = _file(workspace, dataset.digest)
    if not file.exists():
        write_atomically(file, pretty_json(manifest(dataset, base_dir=base_dir)))


def find(workspace: Workspace, wanted: str) -> Manifest:
    """By digest, by a unique beginning of one, or by a run. Raises NotFoundError (`data.unknown`)."""
    from modelwright.data.versions import Manifest

    stems = sorted(file.stem for file in workspace.datasets.glob("*.json"))
    found = [stem for stem in stems if stem.startswith(wanted.removeprefix("b3:"))]
    if len(found) != 1:
        try:
            found = [workspace.read_run(wanted).data_digest.removeprefix("b3:")]
        except NotFoundError as error:
            raise NotFoundError(
                f"There is no dataset version or run '{wanted}'.",
                code="data.unknown",
                hint=did_you_mean(wanted, [*stems, *workspace.run_ids()]),
                subject=f"data:{wanted}",
            ) from error
    return msgspec.json.decode(_file(workspace, found[0]).read_bytes(), type=Manifest)


def _file(workspace: Workspace, digest: str) -> Path:
    return workspace.datasets / f"{digest.removeprefix('b3:')}.json"
