"""Modelwright: from a table and a target to a reviewed model bundle.

The front door is lazy: `import modelwright` loads none of the libraries behind these names.
"""

from __future__ import annotations

import importlib
from typing import Any

from modelwright._version import VERSION

__version__ = VERSION

# the types of these names stand in `__init__.pyi`: an import here would tie every room to the doors
_HOMES = {
    "run": "modelwright.interfaces.python",
    "init": "modelwright.interfaces.python",
    "check": "modelwright.interfaces.python",
    "profile": "modelwright.interfaces.python",
    "predict": "modelwright.interfaces.python",
    "load": "modelwright.interfaces.python",
    "client": "modelwright.interfaces.client",
    "asgi": "modelwright.interfaces.hosting",
    "Spec": "modelwright.spec.model",
    "load_spec": "modelwright.spec.load",
    "ModelwrightError": "modelwright.core.errors",
    "SpecError": "modelwright.core.errors",
    "DataError": "modelwright.core.errors",
}

__all__ = [
    "DataError",
    "ModelwrightError",
    "Spec",
    "SpecError",
    "__version__",
    "check",
    "init",
    "load",
    "load_spec",
    "predict",
    "profile",
    "run",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'modelwright' has no attribute '{name}'")
    module = importlib.import_module(home)
    return module if home.endswith(f".{name}") else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
