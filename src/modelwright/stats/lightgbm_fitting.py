"""Small boosted forests by LightGBM's C interface: fit and predict, without the Python package around it."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.lightgbm_library import checked, library

_FLOAT32, _FLOAT64 = 0, 1  # C_API_DTYPE_*
_NORMAL = 0  # C_API_PREDICT_NORMAL
_ALL = (ctypes.c_int(0), ctypes.c_int(-1))  # every iteration


def fit_predict(
    learn: tuple[NDArray[np.float64], NDArray[Any]],
    rows: NDArray[np.float64],
    params: Mapping[str, Any],
    rounds: int,
) -> NDArray[np.float64]:
    """Learn from (X, y), X (n, k) with NaN for missing, and answer for `rows` (m, k): shape (m, outputs).

    params: LightGBM's own names; `categorical_column` is a list of positions that hold codes from 0. Raises
    ModelError (`model.native`) with the library's words.
    """
    native, text = library(), _text(params)
    X, y = np.ascontiguousarray(learn[0], dtype=np.float64), np.ascontiguousarray(learn[1], dtype=np.float32)
    data, booster = ctypes.c_void_p(), ctypes.c_void_p()
    try:
        shape = (ctypes.c_int32(X.shape[0]), ctypes.c_int32(X.shape[1]), ctypes.c_int(1))
        made = native.LGBM_DatasetCreateFromMat(_at(X), ctypes.c_int(_FLOAT64), *shape, text, None, ctypes.byref(data))
        checked(made)
        label = (ctypes.c_char_p(b"label"), _at(y), ctypes.c_int(y.size), ctypes.c_int(_FLOAT32))
        checked(native.LGBM_DatasetSetField(data, *label))
        checked(native.LGBM_BoosterCreate(data, text, ctypes.byref(booster)))
        finished = ctypes.c_int(0)
        for _ in range(rounds):
            checked(native.LGBM_BoosterUpdateOneIter(booster, ctypes.byref(finished)))
            if finished.value:
                break
        return _predict(booster, np.ascontiguousarray(rows, dtype=np.float64), text)
    finally:
        if booster:
            native.LGBM_BoosterFree(booster)
        if data:
            native.LGBM_DatasetFree(data)


def _predict(booster: ctypes.c_void_p, X: NDArray[np.float64], text: ctypes.c_char_p) -> NDArray[np.float64]:
    native, (n, k), width = library(), X.shape, ctypes.c_int64()
    kind = ctypes.c_int(_NORMAL)
    checked(native.LGBM_BoosterCalcNumPredict(booster, ctypes.c_int(n), kind, *_ALL, ctypes.byref(width)))
    out = np.empty(width.value, dtype=np.float64)
    shape = (ctypes.c_int(_FLOAT64), ctypes.c_int32(n), ctypes.c_int32(k), ctypes.c_int(1))
    into = (ctypes.byref(width), _at(out))
    checked(native.LGBM_BoosterPredictForMat(booster, _at(X), *shape, kind, *_ALL, text, *into))
    return out.reshape(n, -1)


def _text(params: Mapping[str, Any]) -> ctypes.c_char_p:
    def said(value: Any) -> str:
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value).lower()

    return ctypes.c_char_p(" ".join(f"{name}={said(value)}" for name, value in params.items()).encode())


def _at(array: NDArray[Any]) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)
