"""What a repository holds: model code, training, serving, configurations and saved models. Nothing is ever loaded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

from modelwright.checks.code import loading, roles
from modelwright.checks.code.artefacts import ARTEFACTS, CONFIG_ENDINGS, Item, artefact, bundle, config, is_bundle
from modelwright.checks.code.collecting import shown, walk
from modelwright.checks.code.names import Names
from modelwright.checks.code.nouns import Role, Source
from modelwright.core.nouns import Noun

_NAMED = 6
LIBRARIES = frozenset(
    {
        "sklearn", "xgboost", "lightgbm", "catboost", "torch", "lightning", "pytorch_lightning", "tensorflow", "keras",
        "transformers", "statsmodels", "imblearn", "prophet", "flax", "jax", "sentence_transformers", "spacy", "gensim",
        "fastai", "timm", "torchvision", "peft", "trl", "mlflow", "onnxruntime", "interpret", "skorch", "sktime",
        "darts",
    }
)  # fmt: skip
_MODEL_BASES = ("Module", "LightningModule", "BaseEstimator", "Model", "Layer", "ClassifierMixin", "RegressorMixin")
_READS = re.compile(
    r"(?:^|\.)(read_(?!.*\bconfig)\w+|scan_\w+|load_(?:iris|digits|wine|diabetes|breast_cancer|dataset|boston)"
    r"|fetch_\w+|loadtxt|genfromtxt|ImageFolder|load_data)$"
)
_WRITES = re.compile(r"(?:^|\.)(dump|save|save_model|save_pretrained|save_weights|log_model|to_onnx|export)$")


class Inventory(Noun, frozen=True, kw_only=True):
    items: tuple[Item, ...]
    looked_at: int
    skipped: tuple[tuple[str, str], ...] = ()


def survey(paths: Iterable[str], root: Path, exclude: tuple[str, ...] = ()) -> Inventory:
    """Everything below the paths, in the order of their names."""
    skipped: dict[str, str] = {}
    files: dict[str, Path] = {}
    for given in paths:
        path = Path(given)
        if path.is_dir():
            files |= {shown(file, root): file for file in walk(path, root, exclude, skipped, ())}
        elif path.is_file():
            files[shown(path, root)] = path
        else:
            skipped[given] = "there is no such file or folder"
    bundles = {Path(name).parent.as_posix() for name, file in files.items() if is_bundle(file)}
    items = []
    for name in sorted(files):
        holder = next((each for each in bundles if name.startswith(f"{each}/") or each == "."), None)
        if holder is not None and not is_bundle(files[name]):
            continue
        try:
            item = bundle(files[name], name) if holder is not None else _item(files[name], name)
        except OSError as error:
            skipped[name] = error.strerror or str(error)
            continue
        if isinstance(item, str):
            skipped[name] = item
        elif item is not None:
            items.append(item)
    return Inventory(items=tuple(items), looked_at=len(files), skipped=tuple(sorted(skipped.items())))


def _item(file: Path, name: str) -> Item | str | None:
    ending = file.suffix.lower()
    if ending in (".py", ".ipynb"):
        loaded = loading.load(file, name)
        return _code(loaded) if isinstance(loaded, Source) else loaded.why
    if ending in ARTEFACTS:
        return artefact(file, name, *ARTEFACTS[ending])
    if file.name in ("MLmodel", "saved_model.pb"):
        kind = "mlflow" if file.name == "MLmodel" else "saved model"
        return Item(path=name, kind="artefact", what=f"A model folder ({kind}).", format=kind)
    return config(file, name) if ending in CONFIG_ENDINGS else None


def _code(source: Source) -> Item | None:
    names = Names.of(source.tree)
    role = roles.of(source, names)
    used = LIBRARIES & names.modules
    classes = [each.name for each in names.nodes(ast.ClassDef) if _is_model(names, each)]
    called = [(name, call) for call in names.calls if (name := names.called(call))]
    estimators = _unique(name.rpartition(".")[2] for name, _ in called if _is_estimator(name))
    reads = _unique(_source_of(name, call) for name, call in called if _READS.search(name))
    learns = any(isinstance(call.func, ast.Attribute) and call.func.attr in _FITS for call in names.calls)
    if role not in (Role.TRAINING, Role.SERVING) and not used and not classes:
        return None
    if role in (Role.LIBRARY, Role.OTHER, Role.CONFIG) and not (classes or learns or estimators):
        return None
    metrics = _unique(name.rpartition(".")[2] for name, _ in called if _is_metric(name))
    writes = _unique(_source_of(name, call) for name, call in called if _WRITES.search(name)) + _unique(
        f"{ast.unparse(call.func)[:40]}" for call in names.calls if _saves(call, names)
    )
    kind = {Role.TRAINING: "training", Role.SERVING: "serving", Role.NOTEBOOK: "notebook", Role.TEST: "test"}.get(
        role, "model code"
    )
    return Item(
        path=source.path,
        kind=kind,
        what=_sentence(kind, estimators or tuple(classes), reads, metrics, used),
        estimators=estimators + tuple(f"{name} (own)" for name in classes),
        metrics=metrics,
        reads=reads,
        writes=writes[:_NAMED],
    )


_FITS = frozenset({"fit", "partial_fit", "fit_transform", "train_on_batch", "backward"})


def _is_model(names: Names, node: ast.ClassDef) -> bool:
    bases = [names.qualified(base) or "" for base in node.bases]
    known = [base for base in bases if base.partition(".")[0] in LIBRARIES]
    return any(base.rpartition(".")[2] in _MODEL_BASES for base in known)


def _is_estimator(name: str) -> bool:
    top, _, rest = name.partition(".")
    last = rest.rpartition(".")[2]
    if top not in LIBRARIES or not last[:1].isupper() or any(part in name for part in _NOT_MODELS):
        return name in ("xgboost.train", "lightgbm.train", "catboost.train")
    return not (top == "torch" and ".nn." not in f".{rest}.")


_NOT_MODELS = (
    "sklearn.preprocessing", "sklearn.impute", "sklearn.model_selection", "sklearn.pipeline", "sklearn.compose",
    "sklearn.metrics", "sklearn.inspection", "sklearn.feature_", "sklearn.utils", "sklearn.exceptions",
    "torch.utils", "torch.optim", "torchvision.transforms", "torchvision.datasets", "callbacks", "optimizers",
    ".losses",
    "Dataset", "DMatrix", "Pool", "Tokenizer", "TrainingArguments", "Loss", "DataCollator", "imblearn", "onnxruntime",
    "keras.layers", "torch.nn.Parameter", "schedule",
)  # fmt: skip


def _is_metric(name: str) -> bool:
    return name.startswith(("sklearn.metrics.", "torchmetrics.", "evaluate.load"))


def _saves(call: ast.Call, names: Names) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and names.called(call) is None
        and call.func.attr in ("save_model", "save_pretrained", "save_weights", "save_checkpoint")
    )


def _source_of(name: str, call: ast.Call) -> str:
    """`read_csv('x.csv')`, or only the function where the place is not written there."""
    last = name.rpartition(".")[2]
    for value in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and len(value.value) <= 120:
            return f"{last}({value.value!r})"
    return last


def _sentence(
    kind: str, models: tuple[str, ...], reads: tuple[str, ...], metrics: tuple[str, ...], used: Iterable[str]
) -> str:
    does = {"training": "Trains", "serving": "Answers with", "notebook": "Explores", "test": "Tests"}.get(
        kind, "Defines"
    )
    what = _listed(models) or f"models of {_listed(sorted(used))}" if used or models else "a model"
    parts = [f"{does} {what}"]
    parts += [f"from {_listed(reads)}"] if reads else []
    parts += [f"judged by {_listed(metrics)}"] if metrics else []
    return ", ".join(parts) + "."


def _listed(values: Iterable[str]) -> str:
    known = list(values)
    return ", ".join(known[:3]) + (f" and {len(known) - 3} more" if len(known) > 3 else "")


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))[:_NAMED]


def tally(items: Iterable[Item]) -> dict[str, int]:
    """How many of each kind."""
    counts: dict[str, int] = {}
    for item in items:
        counts[item.kind] = counts.get(item.kind, 0) + 1
    return dict(sorted(counts.items()))
