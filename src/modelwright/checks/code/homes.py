"""Where a library's names live: old homes, private modules and twins are led back to one public name."""

from __future__ import annotations

from functools import lru_cache

#: longest match first; a whole dotted prefix is replaced
_MOVED: dict[str, str] = {
    "sklearn.cross_validation": "sklearn.model_selection",
    "sklearn.grid_search": "sklearn.model_selection",
    "sklearn.learning_curve": "sklearn.model_selection",
    "sklearn.externals.joblib": "joblib",
    "sklearn.externals.six": "six",
    "sklearn.lda.LDA": "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    "sklearn.qda.QDA": "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis",
    "sklearn.preprocessing.Imputer": "sklearn.impute.SimpleImputer",
    "sklearn.preprocessing.imputation.Imputer": "sklearn.impute.SimpleImputer",
    "sklearn.decomposition.RandomizedPCA": "sklearn.decomposition.PCA",
    "sklearn.datasets.samples_generator": "sklearn.datasets",
    "sklearn.utils.testing": "sklearn.utils._testing",
    "tensorflow.keras": "keras",
    "tensorflow.python.keras": "keras",
    "tensorflow.compat.v1.keras": "keras",
    "tensorflow.compat.v2.keras": "keras",
    "tensorflow.contrib.keras": "keras",
    "tf_keras": "keras",
    "keras.src": "keras",
    "keras.api": "keras",
    "keras.utils.np_utils": "keras.utils",
    "keras.utils.vis_utils": "keras.utils",
    "keras.utils.generic_utils": "keras.utils",
    "keras.engine.sequential": "keras.models",
    "keras.engine.training": "keras.models",
    "keras.engine.topology": "keras.layers",
    "keras.engine": "keras.models",
    "keras.optimizers.legacy": "keras.optimizers",
    "keras.Sequential": "keras.models.Sequential",
    "keras.Model": "keras.models.Model",
    "keras.Input": "keras.layers.Input",
    "keras.preprocessing.image.load_img": "keras.utils.load_img",
    "keras.layers.experimental.preprocessing": "keras.layers",
    "keras.wrappers.scikit_learn": "scikeras.wrappers",
    "torch.utils.data.dataloader": "torch.utils.data",
    "torch.utils.data.dataset": "torch.utils.data",
    "torch.utils.data.sampler": "torch.utils.data",
    "torch.autograd.variable.Variable": "torch.autograd.Variable",
    "pytorch_lightning": "lightning.pytorch",
    "lightning.LightningModule": "lightning.pytorch.LightningModule",
    "lightning.Trainer": "lightning.pytorch.Trainer",
    "lightning.LightningDataModule": "lightning.pytorch.LightningDataModule",
    "pandas.io.parsers": "pandas",
    "pandas.io.excel": "pandas",
    "pandas.core.frame": "pandas",
    "pandas.core.series": "pandas",
    "pandas.core.reshape.concat": "pandas",
    "pandas.core.reshape.merge": "pandas",
    "modin.pandas": "pandas",
    "fireducks.pandas": "pandas",
    "cudf.pandas": "pandas",
    "numpy.core": "numpy",
    "cPickle": "pickle",
    "_pickle": "pickle",
    "six.moves.cPickle": "pickle",
    "pickle5": "pickle",
    "scipy.stats.stats": "scipy.stats",
    "scipy.stats.distributions": "scipy.stats",
    "lightgbm.sklearn": "lightgbm",
    "lightgbm.basic": "lightgbm",
    "lightgbm.engine": "lightgbm",
    "xgboost.sklearn": "xgboost",
    "xgboost.core": "xgboost",
    "xgboost.training": "xgboost",
    "catboost.core": "catboost",
    "imblearn.over_sampling.smote": "imblearn.over_sampling",
    "matplotlib.pylab": "pylab",
}

#: parts below these are public homes of their own; any other lower-case part is a private module of its parent
_PUBLIC = frozenset(
    """sklearn.feature_extraction.text sklearn.feature_extraction.image sklearn.metrics.pairwise sklearn.metrics.cluster
    sklearn.ensemble.partial_dependence sklearn.utils sklearn.datasets sklearn.neural_network sklearn.gaussian_process
    sklearn.experimental sklearn.semi_supervised sklearn.gaussian_process.kernels torch.nn.functional torch.nn.utils
    torch.nn.init torch.nn.parallel torch.nn.utils.rnn torch.nn.quantized torch.nn.attention torch.optim.lr_scheduler
    torch.optim.swa_utils keras.layers.experimental""".split()  # noqa: SIM905
)
_PRIVATE_BELOW = frozenset(["sklearn", "imblearn"])


@lru_cache(maxsize=8192)
def canonical(dotted: str) -> str:
    """The one public name of a dotted name; unknown libraries come back unchanged."""
    top = dotted.partition(".")[0]
    if top not in _TOPS:
        return dotted
    for _ in range(3):
        moved = _moved(dotted)
        if moved == dotted:
            break
        dotted = moved
    return _public(dotted)


def _moved(dotted: str) -> str:
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        new = _MOVED.get(prefix)
        if new is not None and new != prefix:
            return ".".join([new, *parts[length:]])
    return dotted


def _public(dotted: str) -> str:
    parts = dotted.split(".")
    if len(parts) < 4:
        return dotted
    top, home = parts[0], ".".join(parts[:2])
    if top in _PRIVATE_BELOW and _is_inner(parts[2]) and not _is_public(home, parts):
        return ".".join([home, *parts[3:]])
    if top == "torch" and dotted.startswith("torch.nn.modules.") and len(parts) >= 5:
        return ".".join(["torch.nn", *parts[4:]])
    if home == "torch.optim" and parts[2].islower() and f"{home}.{parts[2]}" not in _PUBLIC:
        return ".".join([home, *parts[3:]])
    if home in {"keras.layers", "keras.models", "keras.callbacks"} and parts[2].islower():
        return ".".join([home, *parts[3:]])
    return dotted


def _is_inner(part: str) -> bool:
    return part.islower()


def _is_public(home: str, parts: list[str]) -> bool:
    return home in _PUBLIC or ".".join(parts[:3]) in _PUBLIC


_TOPS = frozenset(key.partition(".")[0] for key in _MOVED) | {"sklearn", "imblearn", "torch", "keras"}
