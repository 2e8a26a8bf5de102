"""A folder to hand to a function host (AWS Lambda and those that speak alike): handler, bundle, requirements."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from modelwright.records.exporting import Exported, Exporter

_HANDLER = '''"""{name}: answers events that hold rows; see `modelwright.interfaces.function.handler_of`."""

from pathlib import Path

from modelwright.interfaces.function import handler_of

handler = handler_of(Path(__file__).parent / "bundle", expected="{digest}")
'''


class _Function:
    needs_graph = False

    def write(self, model: Exported, folder: Path, runtime: Path | None) -> str:
        shutil.copytree(model.folder, folder / "bundle")
        name = model.name.replace('"', "'").replace("\\", "")
        (folder / "handler.py").write_text(_HANDLER.format(name=name, digest=model.digest))
        (folder / "requirements.txt").write_text(f"modelwright=={model.version}\n")
        event = {"rows": [dict.fromkeys((field.name for field in model.signature.inputs), None)]}
        (folder / "event.json").write_text(json.dumps(event, indent=1) + "\n")
        return "install requirements.txt into the folder, and name handler.handler as the function"


PLUGIN: Exporter = _Function()
