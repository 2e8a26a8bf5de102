"""What a file is for: told from its content first, from its path second."""

from __future__ import annotations

import ast

from modelwright.checks.code.asking import words
from modelwright.checks.code.call_index import calls_met
from modelwright.checks.code.names import Names
from modelwright.checks.code.nouns import Kind, Role, Source

WEB = frozenset(
    [
        "fastapi",
        "flask",
        "bentoml",
        "streamlit",
        "gradio",
        "starlette",
        "aiohttp",
        "sanic",
        "tornado",
        "falcon",
        "litserve",
        "bottle",
        "quart",
    ]
)
_ROUTES = frozenset(
    ["route", "get", "post", "put", "patch", "delete", "api", "websocket", "on_event", "endpoint", "service"]
)
_LEARNS = frozenset(
    [
        "fit",
        "fit_transform",
        "partial_fit",
        "fit_generator",
        "backward",
        "fit_predict",
        "train_on_batch",
        "fit_resample",
    ]
)
_LEARNS_BY_NAME = frozenset(["lightgbm.train", "xgboost.train", "xgboost.cv", "lightgbm.cv", "catboost.train"])
_LEARNS_BY_TAIL = frozenset(["cross_val_score", "cross_validate", "cross_val_predict"])
_LAST_WORDS = _LEARNS_BY_TAIL | {name.rpartition(".")[2] for name in _LEARNS_BY_NAME}
_SCRIPT_STEMS = ("train", "finetune", "fine_tune", "fit_", "main")


def of(source: Source, names: Names) -> Role:
    """The role of a file; rules about absence ask for it first."""
    parts = source.path.replace("\\", "/").split("/")
    stem = parts[-1].rsplit(".", 1)[0]
    if _is_test(parts, stem, names):
        return Role.TEST
    if source.kind is Kind.NOTEBOOK:
        return Role.TRAINING if learning_calls(names) else Role.NOTEBOOK
    if is_serving(names):
        return Role.SERVING
    learning = learning_calls(names)
    if learning and (_runs_when_started(names, learning) or (_is_started(names) and stem.startswith(_SCRIPT_STEMS))):
        return Role.TRAINING
    if learning and _is_started(names) and _reaches_learning(names, learning):
        return Role.TRAINING
    if _only_settings(names):
        return Role.CONFIG
    if names.functions or len(names.nodes(ast.ClassDef)) > 0:
        return Role.LIBRARY
    return Role.OTHER


def learning_calls(names: Names) -> list[ast.Call]:
    """The calls that fit something or run a gradient step, in the order of the text."""
    met = calls_met(names, to=_LEARNS, known=_LAST_WORDS)
    return [call for call in met if is_learning(names, call)]


def is_learning(names: Names, call: ast.Call) -> bool:
    """Does the call fit something, or run a gradient step?"""
    if isinstance(call.func, ast.Attribute) and call.func.attr in _LEARNS:
        return bool(names.modules & _ML)
    called = names.called(call)
    return called in _LEARNS_BY_NAME or (called or "").rpartition(".")[2] in _LEARNS_BY_TAIL


def is_serving(names: Names) -> bool:
    """Does the file answer requests: a web library is imported and a handler or page is defined?"""
    if "streamlit" in names.modules or "gradio" in names.modules:
        return True
    return bool(names.modules & WEB) and any(is_handler(names, function) for function in names.functions)


def is_handler(names: Names, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Is the function run for each request?"""
    for decorator in function.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (
            isinstance(target, ast.Attribute)
            and target.attr in _ROUTES - {"on_event", "service"}
            and _is_app(names, target.value)
        ):
            return True
    return False


def _is_app(names: Names, node: ast.AST) -> bool:
    """`app`, `router`, `bp`, `svc`: an object, not a module such as `requests`."""
    if not isinstance(node, ast.Name | ast.Attribute):
        return False
    known = names.qualified(node)
    return known is None or known.partition(".")[0] in WEB


def _is_test(parts: list[str], stem: str, names: Names) -> bool:
    if stem == "conftest":
        return True
    tests = any(function.name.startswith("test") for function in names.functions)
    if not tests:
        return False
    named = stem.startswith("test_") or stem.endswith("_test") or "tests" in parts[:-1] or "test" in parts[:-1]
    return named or bool(names.modules & {"pytest", "unittest", "hypothesis"})


def _runs_when_started(names: Names, learning: list[ast.Call]) -> bool:
    """A learning call outside every function, or under the main guard."""
    return any(
        not isinstance(names.scope(call), ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef)
        for call in learning
    )


def _is_started(names: Names) -> bool:
    """Is there a main guard, or does the top level call something of its own?"""
    for test in names.nodes(ast.Compare):
        if isinstance(test.left, ast.Name) and test.left.id == "__name__":
            return True
    own = {function.name for function in names.functions}
    return any(
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id in own
        for statement in names.tree.body
    )


def _reaches_learning(names: Names, learning: list[ast.Call]) -> bool:
    """Do the functions called at the top level, or by those, hold a learning call?"""
    holders = {function.name for call in learning if (function := names.function(call)) is not None}
    called = {_tail(call) for call in names.calls if names.function(call) is None}
    by_function: dict[str, set[str]] = {}
    for call in names.calls:
        if (function := names.function(call)) is not None:
            by_function.setdefault(function.name, set()).add(_tail(call))
    seen: set[str] = set()
    while called - seen:
        name = (called - seen).pop()
        seen.add(name)
        if name in holders:
            return True
        called |= by_function.get(name, set())
    return False


def _tail(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _only_settings(names: Names) -> bool:
    body = [node for node in names.tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    settings = [
        node
        for node in body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(
            node.value, ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.Set | ast.UnaryOp | ast.BinOp | ast.Name
        )
    ]
    plain = [node for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return len(settings) >= 2 and len(settings) + len(plain) == len(body)


_ML = words(
    """sklearn lightgbm xgboost catboost keras tensorflow torch imblearn statsmodels lightning transformers cuml skorch
    fastai pycaret autogluon surprise implicit gensim prophet tpot sktime sklearn_crfsuite pomegranate interpret econml
    dask_ml mlxtend category_encoders"""
)
