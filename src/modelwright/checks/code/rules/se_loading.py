"""Unsafe loading: pickles of any kind, code from texts, downloads that nobody checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelwright.checks.code import roles
from modelwright.checks.code.asking import (
    add_argument,
    argument,
    constant,
    has_open_arguments,
    is_false,
    is_true,
    keyword,
    tail,
    words,
    written,
)
from modelwright.checks.code.call_index import calls_met
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Role, RuleInfo
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="SE701",
        name="pickle-loaded",
        severity=Severity.MEDIUM,
        why="A pickle is a program: who can change the file can run code where it is loaded.",
        fix="load data formats (safetensors, ONNX, JSON, Parquet); torch.load with weights_only=True; "
        "np.load without allow_pickle",
        source="Python documentation of pickle; PyTorch documentation of torch.load; trailofbits semgrep rules",
    ),
    RuleInfo(
        code="SE702",
        name="request-deserialised",
        severity=Severity.HIGH,
        why="The sender of a request chooses what is unpickled, and so what runs on the server.",
        fix="take JSON or Arrow, and check it against a schema",
        source="CWE-502, Deserialization of Untrusted Data",
    ),
    RuleInfo(
        code="SE703",
        name="text-run-as-code",
        severity=Severity.HIGH,
        why="eval, exec, yaml.load and trust_remote_code run what a text or a repository holds.",
        fix="use ast.literal_eval or json; yaml.safe_load; pin and read remote code before trusting it",
        source="CWE-95; PyYAML documentation; Hugging Face documentation of trust_remote_code",
    ),
    RuleInfo(
        code="SE705",
        name="download-unchecked",
        severity=Severity.MEDIUM,
        why="What is fetched without TLS checks, or extracted without a filter, can be replaced or write "
        "outside its folder.",
        fix="leave verify on, compare a checksum, and pass filter='data' to extractall",
        source="CWE-494, CWE-22; PEP 706",
    ),
)
_PICKLES = words(
    """pickle.load pickle.loads joblib.load dill.load dill.loads cloudpickle.load cloudpickle.loads pandas.read_pickle
    shelve.open torch.load jsonpickle.decode"""
)
#: what a call must be, or be given (`verify`, `trust_remote_code`), to be looked at
_WRITTEN = frozenset(["eval", "exec", "extract", "extractall"])
_LAST_WORDS = frozenset(name.rpartition(".")[2] for name in _PICKLES) | {
    "load_all",
    "_create_unverified_context",
}
_DUMPS = words("pickle.dump pickle.dumps joblib.dump dill.dump cloudpickle.dump torch.save")


def _run(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role is Role.TEST:
        return
    for call in calls_met(facts.names, to=_WRITTEN, known=_LAST_WORDS, given=("verify", "trust_remote_code")):
        called = facts.names.called(call) or ""
        if called in _PICKLES or called == "numpy.load":
            yield from _pickle(facts, call, called)
        elif isinstance(call.func, ast.Name) and call.func.id in {"eval", "exec"}:
            yield from _code(facts, call)
        elif called in {"yaml.load", "yaml.load_all"}:
            yield from _yaml(facts, call)
        else:
            yield from _download(facts, call, called)
        if is_true(keyword(call, "trust_remote_code")):
            pinned = isinstance(constant(keyword(call, "revision")), str)
            severity = Severity.MEDIUM if pinned else None
            message = "trust_remote_code=True runs the repository's own Python here."
            yield finding(facts, "SE703", call, message, Confidence.LIKELY, severity=severity)


def _pickle(facts: Facts, call: ast.Call, called: str) -> Iterator[CodeFinding]:
    if called == "numpy.load" and not is_true(keyword(call, "allow_pickle")):
        return
    if called == "torch.load" and not _is_open_torch(facts, call):
        return
    given = call.args[0] if call.args else next((item.value for item in call.keywords if item.arg), None)
    if given is None:
        return
    come = _comes_from(facts, given, 5)
    handler = _handler(facts, call)
    if handler is not None and come in {"parameter", "request"}:
        message = f"{written(call.func)} unpacks what the request brings."
        yield finding(facts, "SE702", call, message, Confidence.LIKELY)
        return
    if _is_own(facts, call, given) or _is_round_trip(facts, given):
        return
    severity = {"request": Severity.HIGH, "download": Severity.HIGH, "parameter": None}.get(come, Severity.LOW)
    if called == "torch.load" and keyword(call, "weights_only") is None and come not in {"request", "download"}:
        severity = Severity.LOW  # since torch 2.6 the default is safe
    if severity is None and any(facts.names.called(other) in _DUMPS for other in facts.names.calls):
        severity = Severity.LOW  # the file reads what its own other half writes
    told = {"request": ", and the request chooses it", "download": ", and it was fetched from the network"}.get(
        come, ""
    )
    fix = None
    if called == "torch.load" and keyword(call, "weights_only") is None:
        fix = add_argument(facts, call, "weights_only=True", "load tensors only")
    message = f"{written(call.func)} runs whatever the file holds{told}."
    yield finding(facts, "SE701", call, message, Confidence.LIKELY, severity=severity, fix=fix)


def _is_open_torch(facts: Facts, call: ast.Call) -> bool:
    """torch.load that may unpickle: weights_only is False, or missing where the default is not known to be safe."""
    given = keyword(call, "weights_only")
    if given is not None:
        return is_false(given)
    if has_open_arguments(call):
        return False
    return _version(facts, "torch") < (2, 6)


def _version(facts: Facts, name: str) -> tuple[int, ...]:
    text = facts.versions.get(name, "0")
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _handler(facts: Facts, node: ast.AST) -> ast.AST | None:
    function = facts.names.function(node)
    return function if function is not None and roles.is_handler(facts.names, function) else None


def _comes_from(facts: Facts, node: ast.AST, depth: int) -> str:
    """request, download, parameter, fixed, or `` where it is not known."""
    if depth <= 0:
        return ""
    if isinstance(node, ast.Constant):
        return "fixed" if not str(node.value).startswith(("http://", "https://")) else "download"
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return _worst([_comes_from(facts, part, depth - 1) for part in parts] or ["fixed"])
    if isinstance(node, ast.BinOp):
        return _worst([_comes_from(facts, node.left, depth - 1), _comes_from(facts, node.right, depth - 1)])
    if isinstance(node, ast.Name):
        return _name_from(facts, node, depth)
    if isinstance(node, ast.Attribute | ast.Subscript | ast.Await):
        text = written(node)
        if re.match(r"(?:flask\.)?request\b", text):
            return "request"
        if text.startswith("os.environ"):
            return "fixed"
        return (
            _comes_from(facts, node.value, depth - 1)
            if not text.startswith(("args.", "sys.argv", "self."))
            else "parameter"
        )
    if isinstance(node, ast.Call):
        return _call_from(facts, node, depth)
    return ""


def _name_from(facts: Facts, node: ast.Name, depth: int) -> str:
    if node.id in {"request", "__file__"}:
        return "request" if node.id == "request" else "fixed"
    home = facts.names.home(node)
    values = facts.names.values(node.id, home)
    if isinstance(home, ast.FunctionDef | ast.AsyncFunctionDef) and values and values[0] is None:
        return "parameter" if node.id in {item.arg for item in (*home.args.args, *home.args.kwonlyargs)} else ""
    return _worst([_comes_from(facts, value, depth - 1) for value in values[:4] if value is not None] or [""])


def _call_from(facts: Facts, node: ast.Call, depth: int) -> str:
    called = facts.names.called(node) or ""
    if called.startswith(("requests.", "urllib.request.", "httpx.", "wget.", "gdown.")) or "hf_hub_download" in called:
        return "download"
    if called in {"os.environ.get", "os.getenv"}:
        return "fixed"
    if tail(node) in {"download", "hf_hub_download", "urlretrieve", "download_file"}:
        return "download"
    parts = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) and not called else [])]
    known = [_comes_from(facts, part, depth - 1) for part in parts[:3]]
    return _worst(known or [""])


def _worst(found: list[str]) -> str:
    return next((kind for kind in ("request", "download", "parameter", "") if kind in found), "fixed")


def _is_own(facts: Facts, call: ast.Call, given: ast.AST) -> bool:
    """The file itself wrote what it loads: the same path is dumped in it."""
    path = _path_text(facts, given)
    if not path:
        return False
    for other in facts.names.calls:
        if tail(other) in {"dump", "save", "to_pickle", "open", "dumps"} and other is not call:
            writes = tail(other) != "open" or "w" in str(constant(argument(other, 1, "mode"), ""))
            if writes and any(
                _path_text(facts, part) == path for part in (*other.args, *(item.value for item in other.keywords))
            ):
                return True
    return False


def _is_round_trip(facts: Facts, given: ast.AST) -> bool:
    """`loads(dumps(x))`: what is loaded was dumped a moment ago."""
    if isinstance(given, ast.Name):
        values = facts.names.values(given.id, facts.names.home(given))
        return bool(values) and all(tail(value) == "dumps" for value in values)
    return tail(given) == "dumps" and isinstance(given, ast.Call)


def _path_text(facts: Facts, node: ast.AST) -> str:
    if isinstance(node, ast.Call) and tail(node) == "open" and node.args:
        return _path_text(facts, node.args[0])
    if isinstance(node, ast.Name):
        values = facts.names.values(node.id, facts.names.home(node))
        if len(values) == 1 and values[0] is not None and not isinstance(values[0], ast.stmt):
            return _path_text(facts, values[0])
        return f"name {node.id}" if values else ""
    if isinstance(node, ast.Constant):
        return f"text {node.value}" if isinstance(node.value, str) else ""
    return written(node) if isinstance(node, ast.Attribute | ast.JoinedStr | ast.BinOp | ast.Call) else ""


def _code(facts: Facts, call: ast.Call) -> Iterator[CodeFinding]:
    assert isinstance(call.func, ast.Name)
    if not call.args or isinstance(call.args[0], ast.Constant) or facts.names.is_bound(call.func.id):
        return
    given = call.args[0]
    if isinstance(given, ast.Call) and tail(given) in {"compile", "read", "read_text"} and call.func.id == "exec":
        come = "fixed"
    else:
        come = _comes_from(facts, given, 4)
    outside = come in {"request", "download"} or any(
        isinstance(part, ast.Call) and tail(part) == "input" for part in ast.walk(given)
    )
    outside = outside or re.search(r"\bargs\.|sys\.argv|\brow\[|request", written(given)) is not None
    severity = None if outside else Severity.MEDIUM if come == "parameter" and call.func.id == "eval" else Severity.LOW
    message = f"{written(call)} runs a text as code."
    yield finding(
        facts, "SE703", call, message, Confidence.LIKELY if outside else Confidence.PATTERN, severity=severity
    )


def _yaml(facts: Facts, call: ast.Call) -> Iterator[CodeFinding]:
    loader = argument(call, 1, "Loader")
    if has_open_arguments(call) or (loader is not None and tail(loader) not in {"Loader", "UnsafeLoader", "CLoader"}):
        return
    yield finding(
        facts, "SE703", call, f"{written(call.func)} builds any Python object that the text names.", Confidence.LIKELY
    )


def _download(facts: Facts, call: ast.Call, called: str) -> Iterator[CodeFinding]:
    if called.startswith(("requests.", "httpx.")) and is_false(keyword(call, "verify")):
        yield finding(facts, "SE705", call, "The server's certificate is not checked: verify=False.", Confidence.LIKELY)
    elif (
        tail(call) in {"extractall", "extract"}
        and isinstance(call.func, ast.Attribute)
        and keyword(call, "filter") is None
    ):
        made = _opened(facts, call.func.value)
        if made.startswith("tarfile."):
            fetched = re.search(r"urlretrieve|urlopen|requests\.get|wget", facts.source.text) is not None
            severity = None if fetched else Severity.LOW
            message = "An archive is extracted without a filter; its members may lie outside the folder."
            yield finding(facts, "SE705", call, message, Confidence.LIKELY, severity=severity)
    elif (
        called == "torch.hub.load" and is_true(keyword(call, "trust_repo"))
    ) or called == "ssl._create_unverified_context":
        yield finding(facts, "SE705", call, f"{called} takes what it is given without a check.", Confidence.LIKELY)


def _opened(facts: Facts, node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return facts.names.called(node) or ""
    if isinstance(node, ast.Name):
        values = facts.names.values(node.id, facts.names.home(node))
        return next((facts.names.called(value) or "" for value in values if isinstance(value, ast.Call)), "")
    return ""


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="se_loading")
