"""The service around a model: debug servers, artefacts without schema, no health answer, nothing pinned."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code import roles
from modelwright.checks.code.asking import constant, is_true, keyword, tail, words, written
from modelwright.checks.code.call_index import calls_known
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Kind, Role, RuleInfo
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="DP805",
        name="artefact-without-words",
        severity=Severity.LOW,
        why="A model file alone does not say which columns it wants, in what order, or which library "
        "versions wrote it.",
        fix="save the schema, versions and figures beside the model",
        source="scikit-learn user guide, 'Model persistence'; Mitchell et al. 2019, Model Cards",
        default=False,
        per_file=True,
    ),
    RuleInfo(
        code="DP806",
        name="no-health-answer",
        severity=Severity.LOW,
        why="Whoever runs the service cannot tell one that loads from one that hangs.",
        fix="add a health route that asks the model",
        source="Kubernetes documentation, 'Liveness, readiness and startup probes'",
        default=False,
        per_file=True,
    ),
    RuleInfo(
        code="DP808",
        name="debug-server",
        severity=Severity.HIGH,
        why="Flask's debugger lets whoever reaches it run code on the machine.",
        fix="serve through a production server, and leave debug off",
        source="Werkzeug documentation, 'Debugging applications' ('must never be used on production machines')",
    ),
    RuleInfo(
        code="DP809",
        name="no-drift-baseline",
        severity=Severity.LOW,
        why="Without the training distributions beside the model nobody can say later whether requests have changed.",
        fix="store a profile of the training rows with the model",
        source="Breck et al. 2017, The ML Test Score",
        default=False,
        per_file=True,
    ),
    RuleInfo(
        code="DP810",
        name="service-not-pinned",
        severity=Severity.LOW,
        why="A service that is built again gets newer libraries, and a pickled model may answer otherwise under them.",
        fix="pin the versions that the model was trained with",
        source="scikit-learn user guide, 'Model persistence: security and maintainability'",
        default=False,
        per_file=True,
    ),
)
_DUMPS = words("joblib.dump pickle.dump cloudpickle.dump dill.dump torch.save")
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - what is looked for
_ENVIRONMENT = re.compile(
    r"^(?:requirements.*|pyproject\.toml|environment.*\.ya?ml|Pipfile.*|poetry\.lock|uv\.lock|Dockerfile.*|setup\.(?:py|cfg)|bentofile\.ya?ml)$"
)

_HEALTH = words("health ready alive ping status include_router apirouter blueprint")
_KEPT = words(
    """__version__ json.dump metadata schema signature feature_names columns.tolist yaml.dump mlflow state_dict
    checkpoint"""
)
_WATCHED = words("describe( profile baseline reference evidently whylogs histogram quantile drift mlflow torch")


def _run(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role is Role.TEST:
        return
    if facts.names.modules & roles.WEB:
        yield from _debug(facts)
        yield from _health(facts)
        yield from _pinned(facts)
    if facts.role is Role.TRAINING and facts.source.kind is not Kind.NOTEBOOK:
        yield from _artefact(facts)


def _debug(facts: Facts) -> Iterator[CodeFinding]:
    for call in facts.names.calls:
        name, made = tail(call), facts.names.called(call) or ""
        if (
            name == "run"
            and is_true(keyword(call, "debug"))
            and not made.startswith("uvicorn")
            and facts.names.modules & {"flask", "quart", "bottle"}
        ):
            yield finding(
                facts, "DP808", call, f"{written(call.func)} starts the server with its debugger.", Confidence.LIKELY
            )
        elif name in {"run", "serve"} and constant(keyword(call, "host")) in _EVERYWHERE and _is_server(facts, call):
            message = f"{written(call.func)} listens on every address of the machine."
            yield finding(facts, "DP808", call, message, Confidence.PATTERN, severity=Severity.LOW)
    for assign in facts.names.nodes(ast.Assign):
        if (
            written(assign.targets[0]) in {"app.debug", "application.debug"}
            and is_true(assign.value)
            and "flask" in facts.names.modules
        ):
            yield finding(facts, "DP808", assign, "The debugger of the server is switched on.", Confidence.LIKELY)


def _is_server(facts: Facts, call: ast.Call) -> bool:
    called = facts.names.called(call) or ""
    return called.startswith(("uvicorn.", "waitress.", "hypercorn.")) or bool(
        facts.names.modules & {"flask", "fastapi", "bottle", "sanic"}
    )


def _handlers(facts: Facts) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [function for function in facts.names.functions if roles.is_handler(facts.names, function)]


def _health(facts: Facts) -> Iterator[CodeFinding]:
    handlers = _handlers(facts)
    predicts = [
        function
        for function in handlers
        if any(tail(call).startswith("predict") for call in ast.walk(function) if isinstance(call, ast.Call))
    ]
    if predicts and not _says(facts.source.text.lower(), _HEALTH):
        yield finding(facts, "DP806", predicts[0], "The service predicts and has no health route.", Confidence.PATTERN)


def _pinned(facts: Facts) -> Iterator[CodeFinding]:
    handlers = _handlers(facts)
    if handlers and facts.beside and not any(_ENVIRONMENT.match(name.rpartition("/")[2]) for name in facts.beside):
        yield finding(
            facts,
            "DP810",
            handlers[0],
            "Nothing beside this service names the versions that it needs.",
            Confidence.PATTERN,
        )


def _artefact(facts: Facts) -> Iterator[CodeFinding]:
    last_words = {name.rpartition(".")[2] for name in _DUMPS}
    dumps = [call for call in calls_known(facts.names, last_words) if facts.names.called(call) in _DUMPS]
    if not dumps:
        return
    if not _says(facts.source.text, _KEPT):
        yield finding(
            facts,
            "DP805",
            dumps[-1],
            "The model is saved without its columns, versions or figures.",
            Confidence.PATTERN,
        )
    if not _says(facts.source.text, _WATCHED):
        yield finding(
            facts,
            "DP809",
            dumps[-1],
            "The model is saved, and nothing about the rows that it was trained on.",
            Confidence.PATTERN,
        )


def _says(text: str, any_of: frozenset[str]) -> bool:
    return any(word in text for word in any_of)


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="dp_service")
