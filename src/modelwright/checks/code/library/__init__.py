"""The specification table: what calls of known libraries do to rows. Adding a library is adding rows of data."""

from __future__ import annotations

from functools import lru_cache

from modelwright.checks.code.library.functions import FUNCTIONS
from modelwright.checks.code.library.learners import BY_MODULE, LEARNERS
from modelwright.checks.code.library.methods import METHODS


@lru_cache(maxsize=4096)
def role(cls: str) -> str:
    """What a class is in a workflow: scaler, imputer, ..., model, pipeline, search, splitter; `` where not known."""
    found = LEARNERS.get(cls)
    if found is not None:
        return found
    module, _, name = cls.rpartition(".")
    if not name[:1].isupper():
        return ""
    while module:
        found = BY_MODULE.get(module)
        if found is not None:
            return found
        module = module.rpartition(".")[0]
    return ""


@lru_cache(maxsize=4096)
def function(name: str) -> str:
    """What a function does to rows; `` where not known."""
    found = FUNCTIONS.get(name)
    if found is not None:
        return found
    module, _, last = name.rpartition(".")
    if module == "sklearn.datasets" or module.startswith(("keras.datasets", "tensorflow_datasets")):
        return "toy" if last.startswith("make_") else "load"
    if module == "sklearn.metrics" and last.endswith(("_score", "_error", "_loss", "_report", "_curve", "_matrix")):
        return "metric"
    if module == "pandas" and last.startswith("read_"):
        return "read"
    return ""


def method(name: str) -> str:
    """What a method of a frame, series, array or tensor does to rows; `` where not known."""
    return METHODS.get(name, "")
