"""Request handlers: models loaded or trained for each request, payloads unchecked, preparation learned anew."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code import roles
from modelwright.checks.code.asking import lines_of, names_in, tail, words, written
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Role, RuleInfo
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="DP801",
        name="model-loaded-per-request",
        severity=Severity.MEDIUM,
        why="Reading the model for each request multiplies latency and memory, and a changed file "
        "changes answers in the middle of traffic.",
        fix="load once when the process starts, or behind a cache",
        source="FastAPI documentation, 'Lifespan events'; Streamlit documentation of cache_resource",
    ),
    RuleInfo(
        code="DP802",
        name="payload-unchecked",
        severity=Severity.MEDIUM,
        why="A field that is missing or of another type ends in a server error, or in a prediction from garbage.",
        fix="read the payload through a schema (pydantic, marshmallow, jsonschema) and answer 422 for "
        "what does not fit",
        source="OWASP API Security; FastAPI documentation, 'Request body'",
    ),
    RuleInfo(
        code="DP803",
        name="trained-on-serving-path",
        severity=Severity.MEDIUM,
        why="A model fitted inside a request is judged by nobody, and one caller can change the answers of all.",
        fix="train in a job of its own, and serve a model that was judged",
        source="Sculley et al. 2015, Hidden technical debt in machine learning systems",
    ),
    RuleInfo(
        code="DP804",
        name="preparation-learned-at-serving",
        severity=Severity.HIGH,
        why="A scaler or encoder fitted on the request gives other numbers than the one the model was trained with.",
        fix="save the fitted preparation with the model, best as one Pipeline, and call transform only",
        source="Google, Rules of Machine Learning, rule 29 and 32 (training-serving skew)",
    ),
    RuleInfo(
        code="DP807",
        name="unknown-category-unanswered",
        severity=Severity.MEDIUM,
        why="A category that the mapping does not hold ends the request with a server error.",
        fix="use mapping.get(value, default), or answer 422 with the allowed values",
        source="scikit-learn documentation of OneHotEncoder (handle_unknown), the same question at serving",
    ),
)
_LOADERS = words(
    """joblib.load pickle.load dill.load cloudpickle.load torch.load keras.models.load_model mlflow.pyfunc.load_model
    mlflow.sklearn.load_model torch.jit.load onnxruntime.InferenceSession skops.io.load
    transformers.pipeline spacy.load"""
)
_CACHES = re.compile(r"cache|lru|once|singleton|resource", re.IGNORECASE)
_SAFE = re.compile(
    r"pydantic|BaseModel|marshmallow|jsonschema|validate|isinstance|\.get\(|\bnot in\b|\bif not\b|try:|schema|cerberus"
    r"|abort\(|HTTPException|required",
    re.IGNORECASE,
)
_PREPARERS = re.compile(
    r"Scaler|Encoder|Imputer|Vectorizer|PCA|Transformer|Binarizer|Discretizer|PolynomialFeatures|Normalizer"
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role is Role.TEST or not facts.names.modules & roles.WEB:
        return
    streamlit = "streamlit" in facts.names.modules
    for function in facts.names.functions:
        if roles.is_handler(facts.names, function):
            yield from _loaded(facts, function)
            yield from _unchecked(facts, function)
            yield from _trained(facts, function)
            yield from _unknown(facts, function)
    if streamlit:
        yield from _streamlit(facts)


def _calls(facts: Facts, function: ast.AST) -> list[ast.Call]:
    return facts.names.calls_in(function)


def _loads(facts: Facts, call: ast.Call) -> bool:
    called = facts.names.called(call) or ""
    return called in _LOADERS or (
        called.startswith(("transformers.", "sentence_transformers.")) and tail(call) in {"from_pretrained", "pipeline"}
    )


def _loaded(facts: Facts, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[CodeFinding]:
    own = {item.name: item for item in facts.names.functions}
    for call in _calls(facts, function):
        if _loads(facts, call) and not _is_guarded(facts, call) and not _from_request(facts, function, call):
            message = f"{written(call.func)} runs for each request of {function.name}."
            yield finding(facts, "DP801", call, message, Confidence.LIKELY)
            return
        helper = own.get(tail(call)) if isinstance(call.func, ast.Name) else None
        if helper is None or helper is function or _is_cached(helper):
            continue
        inner = next(
            (part for part in _calls(facts, helper) if _loads(facts, part) and not _is_guarded(facts, part)), None
        )
        if inner is not None and "global " not in written(helper):
            message = f"{helper.name}() loads the model for each request of {function.name}."
            yield finding(facts, "DP801", call, message, Confidence.LIKELY)
            return


def _is_cached(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(_CACHES.search(written(decorator)) for decorator in function.decorator_list)


def _is_guarded(facts: Facts, call: ast.Call) -> bool:
    """Loaded only where it is not there yet, or put into a cache."""
    for up in facts.names.parents(call):
        if isinstance(up, ast.If) and re.search(r"is None|not \w|not in", written(up.test)):
            return True
        if isinstance(up, ast.FunctionDef | ast.AsyncFunctionDef):
            return False
    return False


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {item.arg for item in (*function.args.args, *function.args.kwonlyargs)} | {"request"}


def _from_request(facts: Facts, function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call) -> bool:
    """What is loaded is named by the request: another rule's matter."""
    return any(names_in(part) & _parameters(function) for part in call.args)


def _unchecked(facts: Facts, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[CodeFinding]:
    raw: ast.AST | None = None
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and re.match(r"(?:flask\.)?request\.(?:get_json|json)$", written(node.func)):
            raw = node
        elif isinstance(node, ast.Attribute) and written(node) in {"request.json", "request.form", "request.values"}:
            up = facts.names.parent(node)
            raw = node if not isinstance(up, ast.Call) else raw
    for argument in function.args.args:
        if (
            written(argument.annotation)
            in {"dict", "Dict", "Dict[str, Any]", "dict[str, Any]", "dict[str, float]", "Any"}
            and "fastapi" in facts.names.modules
        ):
            raw = argument
    if raw is None or not any(
        tail(call) in {"predict", "predict_proba", "forward"} for call in _calls(facts, function)
    ):
        return
    if _SAFE.search("\n".join(lines_of(facts)[function.lineno - 1 : function.end_lineno])):
        return
    if any(_SAFE.search(tail(call)) for call in _calls(facts, function)):
        return
    yield finding(
        facts, "DP802", raw, f"{function.name} predicts from the payload without checking it.", Confidence.LIKELY
    )


def _trained(facts: Facts, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[CodeFinding]:
    for call in _calls(facts, function):
        if not isinstance(call.func, ast.Attribute):
            continue
        receiver = call.func.value
        made = facts.names.called(receiver) or _class_of(facts, receiver)
        short = made.rpartition(".")[2]
        if call.func.attr == "fit_transform" or (call.func.attr == "fit" and _PREPARERS.search(short)):
            message = f"{written(call.func)} learns the preparation from the request of {function.name}."
            yield finding(facts, "DP804", call, message, Confidence.LIKELY)
        elif (
            call.func.attr == "fit"
            and len(call.args) + len(call.keywords) >= 2
            and facts.names.modules & {"sklearn", "xgboost", "lightgbm", "keras", "joblib"}
        ):
            message = f"{written(call.func)} trains a model inside {function.name}."
            yield finding(facts, "DP803", call, message, Confidence.LIKELY)
        elif call.func.attr == "partial_fit":
            message = f"{written(call.func)} changes the model inside {function.name}."
            yield finding(facts, "DP803", call, message, Confidence.LIKELY)
    for call in _calls(facts, function):
        if facts.names.called(call) == "pandas.get_dummies" and "reindex" not in facts.source.text:
            message = (
                f"get_dummies numbers the categories of one request; the model was trained on other "
                f"columns ({function.name})."
            )
            yield finding(facts, "DP804", call, message, Confidence.LIKELY)


def _class_of(facts: Facts, node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        values = facts.names.values(node.id, facts.names.home(node))
        return next((facts.names.called(value) or "" for value in values if isinstance(value, ast.Call)), "")
    return ""


def _unknown(facts: Facts, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[CodeFinding]:
    tables = {
        target.id: assign.value
        for assign in facts.names.nodes(ast.Assign)
        for target in assign.targets
        if isinstance(target, ast.Name)
        and isinstance(assign.value, ast.Dict)
        and len(assign.value.keys) >= 2
        and facts.names.function(assign) is None
        and all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in assign.value.keys)
    }
    if not tables or not any(tail(call).startswith("predict") for call in _calls(facts, function)):
        return
    text = "\n".join(lines_of(facts)[function.lineno - 1 : function.end_lineno])
    for node in ast.walk(function):
        if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name) or node.value.id not in tables:
            continue
        if isinstance(node.slice, ast.Constant) or not names_in(node.slice) & _derived(function):
            continue
        table = node.value.id
        if re.search(rf"\bin {table}\b", text) or "try:" in text or re.search(r"Literal\[|Enum", facts.source.text):
            continue
        message = f"{written(node)} fails for a value that {table} does not hold."
        yield finding(facts, "DP807", node, message, Confidence.LIKELY)
        return


def _derived(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names that come from the request."""
    found = _parameters(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and names_in(node.value) & found:
            found |= {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return found


def _streamlit(facts: Facts) -> Iterator[CodeFinding]:
    for call in facts.names.calls:
        if not _loads(facts, call):
            continue
        function = facts.names.function(call)
        if (function is not None and (_is_cached(function) or facts.names.called(call) is None)) or _is_guarded(
            facts, call
        ):
            continue
        if function is None or any(
            facts.names.function(other) is None and tail(other) == function.name for other in facts.names.calls
        ):
            message = f"Streamlit runs the script again for each action, and {written(call.func)} with it."
            yield finding(facts, "DP801", call, message, Confidence.LIKELY)
            return


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="dp_handlers")
