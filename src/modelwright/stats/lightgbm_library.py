"""LightGBM's shared library by its C interface, without the Python package around it.

The package imports scikit-learn, scipy and pandas wherever they are installed: seconds, for a library that loads in
milliseconds. Only model texts that this product wrote itself may be given to it: damaged text aborts the process.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError

RAW, LEAF, CONTRIBUTIONS = 1, 2, 3  # C_API_PREDICT_*
_FLOAT64 = 1  # C_API_DTYPE_FLOAT64
_NAMES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")
_SETTINGS = b"num_threads=1 verbosity=-1"


@cache
def library() -> Any:
    """The shared library; raises ModelError (`model.native`) when LightGBM is not installed."""
    found = importlib.util.find_spec("lightgbm")  # finds the package, imports nothing
    if found is None or found.origin is None:
        raise ModelError(
            "This model is scored by LightGBM's library, which is not installed.",
            code="model.native",
            hint="pip install lightgbm",
        )
    package = Path(found.origin).parent
    for folder in (package / "lib", package / "bin", package.parent):
        for name in _NAMES:
            if (folder / name).is_file():
                loaded: Any = ctypes.CDLL(str(folder / name))
                loaded.LGBM_GetLastError.restype = ctypes.c_char_p
                return loaded
    from lightgbm.basic import _LIB  # a build that keeps its library elsewhere

    return _LIB


def checked(status: int) -> None:
    """Raise ModelError (`model.native`) with the library's own words when a call failed."""
    if status != 0:
        why = (library().LGBM_GetLastError() or b"").decode("utf-8", "replace")[:200]
        raise ModelError(f"The native predictor refused: {why or 'no reason given'}.", code="model.native")


class Booster:
    """A loaded model text; `handle` lives as long as this object."""

    def __init__(self, text: str) -> None:
        self.handle = ctypes.c_void_p()
        self._library = library()
        iterations = ctypes.c_int()
        status = self._library.LGBM_BoosterLoadModelFromString(
            ctypes.c_char_p(text.encode()), ctypes.byref(iterations), ctypes.byref(self.handle)
        )
        checked(status)

    def predict(self, X: NDArray[np.float64], kind: int) -> NDArray[np.float64]:
        """Answers of one kind for rows (n, k), flat per row: shape (n, width of the kind)."""
        X = np.ascontiguousarray(X, dtype=np.float64)
        n, k = X.shape
        width = ctypes.c_int64()
        every, rows = (ctypes.c_int(0), ctypes.c_int(-1)), ctypes.c_int(n)
        calc = self._library.LGBM_BoosterCalcNumPredict
        checked(calc(self.handle, rows, ctypes.c_int(kind), *every, ctypes.byref(width)))
        out = np.empty(width.value, dtype=np.float64)
        status = self._library.LGBM_BoosterPredictForMat(
            self.handle,
            X.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(n),
            ctypes.c_int32(k),
            ctypes.c_int(1),  # row by row
            ctypes.c_int(kind),
            *every,
            ctypes.c_char_p(_SETTINGS),
            ctypes.byref(width),
            out.ctypes.data_as(ctypes.c_void_p),
        )
        checked(status)
        return out.reshape(n, -1)

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self._library.LGBM_BoosterFree(self.handle)
