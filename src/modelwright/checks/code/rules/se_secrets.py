"""Secrets written into code or left in a notebook's outputs."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from modelwright.checks.code.asking import tail
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import Cell, CodeFinding, Confidence, Place, Role, RuleInfo
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="SE704",
        name="secret-in-code",
        severity=Severity.HIGH,
        why="A key in code or in a saved output is known to everybody who can read the repository, its "
        "history and its copies.",
        fix="revoke the key, read it from the environment or a vault, and clear the output",
        source="CWE-798, Use of Hard-coded Credentials",
    ),
)
_KNOWN = re.compile(
    r"(?<![\w-])(?:AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,}|glpat-[\w-]{20,}"
    r"|sk-(?:proj-|ant-)?[A-Za-z0-9_-]{24,}|hf_[A-Za-z0-9]{30,}|AIza[\w-]{35}|xox[abprs]-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|dapi[0-9a-f]{32}|npm_[A-Za-z0-9]{36}|rk_live_\w{20,}|sk_live_\w{20,})(?![\w-])"
    r"|-----BEGIN (?:RSA |EC |OPENSSH |DSA )?PRIVATE KEY-----"
)
_URL = re.compile(r"\b[a-z][a-z0-9+]*://[^\s:/@'\"{}<>$]+:([^\s:/@'\"{}<>$]{6,})@[\w.-]+")
_NAMED = re.compile(
    r"(?:^|_|\b)(?:password|passwd|pwd|secret|api_?key|apikey|access_?key|auth_?token|access_?token|secret_?key|client_?secret"
    r"|private_?key|bearer|token|key)$",
    re.IGNORECASE,
)
_WEAK = re.compile(r"(?:^|_)(?:token|key|bearer|secret)$", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"your|xxx|\*\*\*|change|example|sample|dummy|placeholder|fake|todo|insert|replace|redacted|<|>|\$\{|\{\{|%\(|test|foo|bar|none"
    r"|null|secret$|^password|passw0rd|hunter2|12345|abcdef|localhost|\.\.\.|guest|admin|root|postgres|minio|mysql|default",
    re.IGNORECASE,
)

#: of a key whose first letters say what it is, only what documentation writes
_FAKE = re.compile(r"x{5,}|your|example|placeholder|redacted|dummy|fake|1234567890|(.)\1{6,}", re.IGNORECASE)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role is Role.TEST:
        return
    for node in facts.names.nodes(ast.Constant):
        if isinstance(node.value, str) and len(node.value) >= 8:
            why = _why(facts, node, node.value)
            if why:
                found = finding(facts, "SE704", node, why, Confidence.LIKELY)
                yield msgspec.structs.replace(found, statement=f"secret in {found.function or 'the file'}")
    for cell in facts.source.cells:
        yield from _outputs(facts, cell)


def _why(facts: Facts, node: ast.Constant, text: str) -> str:
    known = _KNOWN.search(text)
    if known is not None and not _FAKE.search(known[0]) and _entropy(known[0]) > 3.0:
        return f"A key that begins with {known[0][:4]} is written into the code."
    if known is not None and known[0].startswith("-----BEGIN") and len(text) > 200:
        return "A private key is written into the code."
    url = _URL.search(text)
    if url is not None and not _PLACEHOLDER.search(url[1]) and _entropy(url[1]) > 2.5 and not url[1].isalpha():
        return "An address with a password is written into the code."
    name = _name_of(facts, node)
    if name and _NAMED.search(name) and _looks_secret(text, weak=_WEAK.search(name) is not None):
        return f"{name} is given as a literal of {len(text)} characters."
    return ""


def _name_of(facts: Facts, node: ast.Constant) -> str:
    """The name, keyword, dictionary key or environment variable that the literal is given to."""
    up = facts.names.parent(node)
    if isinstance(up, ast.Assign | ast.AnnAssign):
        target = up.targets[0] if isinstance(up, ast.Assign) else up.target
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            return str(target.slice.value)
        return tail(target)
    if isinstance(up, ast.keyword):
        return up.arg or ""
    if isinstance(up, ast.Dict) and node in up.values:
        key = up.keys[up.values.index(node)]
        return str(key.value) if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
    return ""


def _looks_secret(text: str, *, weak: bool) -> bool:
    """Long and mixed enough, and no placeholder; weak names (`key`, `token`) need a text that only a machine writes."""
    if " " in text or len(text) > 400 or _PLACEHOLDER.search(text) or text.startswith(("/", "./", "http", "--")):
        return False
    digits = sum(letter.isdigit() for letter in text)
    letters = sum(letter.isalpha() for letter in text)
    if weak:
        random = re.fullmatch(r"[\w+/=.-]{20,}", text) is not None and digits >= 4 and letters >= 4
        return random and _entropy(text) > 3.5 and "_" not in text.strip("_")[:12]
    return (
        digits >= 1
        and letters >= 3
        and len(text) >= 8
        and _entropy(text) > 2.8
        and not re.fullmatch(r"[a-z_.]+\d{0,2}", text)
    )


def _entropy(text: str) -> float:
    """Shannon entropy in bits per character."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())


def _outputs(facts: Facts, cell: Cell) -> Iterator[CodeFinding]:
    for output in cell.outputs:
        known = _KNOWN.search(output[:200_000])
        if known is not None and not _FAKE.search(known[0]) and _entropy(known[0]) > 3.0:
            yield CodeFinding(
                code="SE704",
                place=Place(path=facts.source.path, line=1, cell=cell.number),
                message=f"The saved output of this cell holds a key that begins with {known[0][:4]}.",
                confidence=Confidence.LIKELY,
                statement="secret in an output",
            )
            return


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="se_secrets")
