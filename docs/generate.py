"""Write the reference pages from the code they describe; with --check, fail when a page is not up to date.

Also checks that every relative link in the documentation leads to a file.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import ModelwrightError
from modelwright.core.plugins import SEAMS, listings, load

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "modelwright"
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by docs/generate.py from the code; edit the code, then `make docs`. -->\n"


def main(arguments: list[str]) -> int:
    pages = {
        "commands.md": commands(),
        "pipeline-file.md": pipeline_file(),
        "families.md": parameters("families", "Model families", "`model.type` and the keys beside it."),
        "transformers.md": parameters("transformers", "Transformers", "Steps the feature planner chooses from."),
        "metrics.md": metrics(),
        "checks.md": checks(),
        "plugins.md": plugins(),
        "errors.md": errors(),
        **code_rules(),
    }
    stale = []
    for name, text in pages.items():
        file = REFERENCE / name
        body = NOTE + text.rstrip() + "\n"
        if "--check" in arguments:
            if not file.exists() or file.read_text(encoding="utf-8") != body:
                stale.append(f"docs/reference/{name} is not up to date: run `make docs`")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(body, encoding="utf-8")
    for file in sorted((REFERENCE / "code-rules").glob("*.md")):
        if f"code-rules/{file.name}" not in pages:
            if "--check" in arguments:
                stale.append(f"docs/reference/code-rules/{file.name} is of no rule: run `make docs`")
            else:
                file.unlink()
    problems = [*stale, *broken_links()]
    print("\n".join(problems) or f"{len(pages)} reference pages are up to date, all links resolve")
    return 1 if problems else 0


def commands() -> str:
    lines = ["# Commands", "", "Every command also takes `--json`, `--workspace DIR`, `--quiet` and `--no-color`.", ""]
    for listing in listings("operations"):
        request = load("operations", listing.name).request
        lines += [f"## `modelwright {listing.name.replace('_', ' ')}`", "", listing.summary, ""]
        rows = [_argument(field) for field in msgspec.inspect.type_info(request).fields]
        lines += _table(["argument", "type", "default", "meaning"], rows)
    return "\n".join(lines)


def _argument(field: Any) -> list[str]:
    extra = _extra(field.type)
    shown = field.name.upper() if extra.get("positional") else extra.get("name", f"--{field.name.replace('_', '-')}")
    flag = f", `{extra['flag']}`" if "flag" in extra else ""
    return [f"`{shown}`{flag}", _type(field.type), _default(field), _description(field.type)]


def pipeline_file() -> str:
    from modelwright.spec.model import Spec

    lines = [
        "# The pipeline file",
        "",
        "Everything can be said; only `data.source` and `features.target` have to be.",
        "",
    ]
    for field in msgspec.inspect.type_info(Spec).fields:
        inner = _struct(field.type)
        if inner is None:
            continue
        lines += _section(field.name, inner)
    return "\n".join(lines)


def _section(path: str, struct: Any, depth: int = 2) -> list[str]:
    lines = [f"{'#' * depth} `{path}`", ""]
    rows, nested = [], []
    for field in struct.fields:
        inner = _struct(field.type)
        if inner is not None:
            nested.append((f"{path}.{field.name}", inner))
        rows.append([f"`{field.name}`", _type(field.type), _default(field), _description(field.type)])
    lines += _table(["key", "type", "default", "meaning"], rows)
    for name, inner in nested:
        lines += _section(name, inner, depth + 1)
    return lines


def parameters(seam: str, title: str, intro: str) -> str:
    lines = [f"# {title}", "", intro, ""]
    for listing in listings(seam):
        try:
            plugin = load(seam, listing.name)
        except ModelwrightError as error:
            lines += [
                f"## `{listing.name}`",
                "",
                listing.summary,
                "",
                f"Not loaded here: {error.message} {error.hint}",
                "",
            ]
            continue
        lines += [f"## `{listing.name}`", "", listing.summary, ""]
        facts = []
        if hasattr(plugin, "tasks"):
            facts.append(f"Tasks: {', '.join(sorted(task.value for task in plugin.tasks))}.")
        if hasattr(plugin, "accepts"):
            facts.append(f"Columns: {', '.join(sorted(kind.value for kind in plugin.accepts))}.")
        needs = getattr(plugin, "needs", None)
        if needs is not None and getattr(needs, "extra", None):
            facts.append(f"Needs `pip install 'modelwright[{needs.extra}]'`.")
        lines += [" ".join(facts), ""] if facts else []
        if hasattr(plugin, "Params"):
            fields = msgspec.inspect.type_info(plugin.Params).fields
            rows = [[f"`{f.name}`", _type(f.type), _default(f), _description(f.type)] for f in fields]
            lines += _table(["parameter", "type", "default", "meaning"], rows)
    return "\n".join(lines)


def metrics() -> str:
    rows = []
    for listing in listings("metrics"):
        metric = load("metrics", listing.name)
        direction = "more is better" if metric.greater_is_better else "less is better"
        tasks = ", ".join(sorted(task.value for task in metric.tasks))
        aliases = ", ".join(f"`{alias}`" for alias in metric.aliases)
        rows.append([f"`{listing.name}`", listing.summary, tasks, direction, aliases])
    return "\n".join(["# Metrics", "", *_table(["metric", "what", "tasks", "direction", "also called"], rows)])


def checks() -> str:
    lines = [
        "# Checks",
        "",
        "Each check is one file and carries its own proof: examples that fire and that do not.",
        "",
    ]
    for seam in [name for name in SEAMS if name.startswith("checks.") and name != "checks.code"]:
        rows = []
        for listing in listings(seam):
            codes = ", ".join(f"`{code}`" for code in load(seam, listing.name).codes)
            rows.append([codes, listing.summary])
        lines += [f"## {seam.partition('.')[2].title()}", "", *_table(["codes", "what it looks for"], rows)]
    lines += ["## Code", "", "One page for each rule: [rules of the code review](code-rules/index.md).", ""]
    return "\n".join(lines)


def code_rules() -> dict[str, str]:
    """A page for each rule of the code review, and an index by family."""
    from modelwright.checks.code import unjudged
    from modelwright.checks.code.ignoring import INFOS

    rules = [load("checks.code", listing.name) for listing in listings("checks.code")]
    infos = {info.code: (info, rule) for rule in rules for info in rule.infos}
    infos |= {info.code: (info, None) for info in (*INFOS, *unjudged.INFOS)}
    pages = {f"code-rules/{code}.md": _code_rule(*infos[code]) for code in sorted(infos)}
    lines = [
        "# Rules of the code review",
        "",
        f"{len(infos)} codes. `modelwright review code PATH` asks all of them but those that are off by default;",
        "`--noisy` asks these too. See [how to review code](../../how-to/review-code.md).",
        "",
    ]
    for family, title in CODE_FAMILIES.items():
        found = [info for code, (info, _) in sorted(infos.items()) if code.startswith(family)]
        rows = [[f"[{i.code}]({i.code}.md)", i.severity.value, i.name.replace("-", " "), _when(i)] for i in found]
        if rows:
            lines += [f"## {title}", "", *_table(["code", "severity", "what it finds", ""], rows)]
    assert all(code.startswith(tuple(CODE_FAMILIES)) for code in infos), "a family without a title"
    return {"code-rules/index.md": "\n".join(lines), **pages}


CODE_FAMILIES = {
    "LK": "Leaks",
    "EV": "Judging",
    "RP": "Repeatability",
    "DA": "Handling data",
    "SK": "scikit-learn",
    "TO": "PyTorch and Keras",
    "SE": "Unsafe loading and secrets",
    "DP": "Deployment",
    "NB": "Notebooks",
    "CF": "Configuration",
    "IG": "Comments that ignore findings",
    "NJ": "What could not be judged",
}


def _when(info: Any) -> str:
    return ", ".join(
        word for word, so in (("off by default", not info.default), ("once per file", info.per_file)) if so
    )


def _code_rule(info: Any, rule: Any) -> str:
    told = f"Severity {info.severity.value}" + (f", {_when(info)}" if _when(info) else "") + "."
    lines = [f"# {info.code}: {info.name.replace('-', ' ')}", "", told, "", "## Why", "", info.why, ""]
    fires, silent = _examples(info, rule)
    if fires is not None:
        text = _without_unused_imports(fires.text)
        said = _said(info.code, text)
        if not said:
            text, said = fires.text, _said(info.code, fires.text)
        lines += ["## Fires", "", *_code_block(text), *said]
    if silent is not None:
        lines += ["## Stays silent", "", *_code_block(_without_unused_imports(silent.text))]
    lines += ["## Fix", "", f"{info.fix[:1].upper()}{info.fix[1:]}.".replace("..", "."), ""]
    lines += ["## Source", "", f"{info.source[:1].upper()}{info.source[1:]}.".replace("..", "."), ""]
    lines += [f"To answer for one finding: `# mw: ignore[{info.code}] reason`. [All rules](index.md)", ""]
    return "\n".join(lines)


def _examples(info: Any, rule: Any) -> tuple[Any, Any]:
    """The shortest example that fires with the code, and the shortest that is silent about it."""
    if rule is None:
        return None, None
    fires = [each for each in rule.examples if info.code in each.codes]
    silent = [each for each in rule.examples if not each.codes]
    about = [each for each in silent if info.code in getattr(each, "name", "")] or silent
    by_length = lambda each: (len(each.text), each.text)  # noqa: E731
    return min(fires, key=by_length, default=None), min(about, key=by_length, default=None)


def _without_unused_imports(text: str) -> str:
    """Examples share their first lines; on a page only what is used should stand."""
    lines = text.strip("\n").split("\n")
    kept = []
    for line in lines:
        head, found, names = line.partition(" import ") if line.startswith("from ") else ("import", " ", line[7:])
        if not line.startswith(("from ", "import ")) or not found or any(mark in names for mark in "(\\#*"):
            kept.append(line)
            continue
        rest = "\n".join(each for each in lines if each is not line)
        used = [
            name for name in names.split(", ") if re.search(rf"\b{re.escape(name.split()[-1].split('.')[0])}\b", rest)
        ]
        if used:
            kept.append(f"{head}{found}{', '.join(used)}")
    return "\n".join(kept) + "\n"


def _code_block(text: str) -> list[str]:
    shown = text.strip("\n")
    if shown.lstrip().startswith("{") and '"cells"' in shown:
        cells = json.loads(shown).get("cells", [])
        code = [cell for cell in cells if cell.get("cell_type") == "code"]
        ran = [f" (run as number {cell['execution_count']})" if cell.get("execution_count") else "" for cell in code]
        sources = ["".join(cell.get("source", "")).rstrip() for cell in code]
        shown = "\n".join(f"# %%{told}\n{source}" for told, source in zip(ran, sources, strict=True))
    elif re.match(r"(?s)^[\w-]+:[ \n](?!.*\bimport )", shown):
        return ["```yaml", *shown.splitlines(), "```", ""]
    return ["```python", *shown.splitlines(), "```", ""]


def _said(code: str, text: str) -> list[str]:
    """What the review says of the example, with the way of a leak."""
    from modelwright.checks.code.loading import from_text
    from modelwright.checks.code.reviewing import Reviewer
    from modelwright.checks.code.settings import Settings

    try:
        review = Reviewer(Settings(select=(code,)), ROOT / "docs").source(from_text(text))
    except ValueError:
        return []
    lines = []
    for found in review.findings[:1]:
        lines += [f"Line {found.finding.place.line}: {found.finding.message}", ""]
        steps = [f"{number}. line {step.place.line}: {step.text}" for number, step in enumerate(found.finding.steps, 1)]
        lines += [*steps, ""] if steps else []
    return lines


def plugins() -> str:
    lines = ["# Plugins", "", "One file each; see [how to add a part](../how-to/add-a-part.md).", ""]
    for seam, package in SEAMS.items():
        if seam == "operations":
            continue
        found = listings(seam)
        lines += [f"## `{seam}`", "", f"Files in `src/{package.replace('.', '/')}/`.", ""]
        lines += _table(["name", "what"], [[f"`{each.name}`", each.summary] for each in found]) if found else []
    return "\n".join(lines)


def errors() -> str:
    """Every error code that the source names, with the class that says who must act."""
    codes: dict[str, set[str]] = {}
    for file in sorted(SOURCE.rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func).endswith("Error")):
                continue
            for keyword in call.keywords:
                if (
                    keyword.arg == "code"
                    and isinstance(keyword.value, ast.Constant)
                    and "." in str(keyword.value.value)
                ):
                    codes.setdefault(str(keyword.value.value), set()).add(ast.unparse(call.func).split(".")[-1])
    rows = [[f"`{code}`", ", ".join(sorted(classes))] for code, classes in sorted(codes.items())]
    tree = importlib.import_module("modelwright.core.errors").__doc__ or ""
    return "\n".join(["# Errors", "", "```", tree.strip(), "```", "", *_table(["code", "class"], rows)])


def broken_links() -> list[str]:
    return [
        f"{page.relative_to(ROOT)}: broken link {link}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in link and not link.startswith("mailto:") and not (page.parent / link).exists()
    ]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return ["No arguments." if head[0] == "argument" else "None.", ""]
    body = ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *body, ""]


def _default(field: Any) -> str:
    if field.required:
        return "required"
    if field.default is not msgspec.NODEFAULT:
        value = field.default
    else:
        value = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else None
    if isinstance(value, msgspec.Struct) or value in (None, (), [], {}, ""):
        return ""
    return f"`{value}`"


def _struct(kind: Any) -> Any:
    while isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    if isinstance(kind, msgspec.inspect.UnionType):
        return next((found for each in kind.types if (found := _struct(each)) is not None), None)
    if isinstance(kind, msgspec.inspect.ListType):
        return _struct(kind.item_type)
    return msgspec.inspect.type_info(kind.cls) if isinstance(kind, msgspec.inspect.StructType) else None


def _description(kind: Any) -> str:
    if isinstance(kind, msgspec.inspect.Metadata):
        schema = kind.extra_json_schema or {}
        return str(schema.get("description", "")) or _description(kind.type)
    return ""


def _extra(kind: Any) -> dict[str, Any]:
    return dict(kind.extra or {}) if isinstance(kind, msgspec.inspect.Metadata) else {}


def _type(kind: Any) -> str:
    info = msgspec.inspect
    if isinstance(kind, info.Metadata):
        return _type(kind.type)
    if isinstance(kind, info.UnionType):
        return " or ".join(_type(each) for each in kind.types if not isinstance(each, info.NoneType))
    if isinstance(kind, info.LiteralType):
        return ", ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, info.EnumType):
        return ", ".join(f"`{value.value}`" for value in kind.cls)
    if isinstance(kind, (info.ListType, info.VarTupleType)):
        return f"list of {_type(kind.item_type)}"
    if isinstance(kind, info.DictType):
        return "map"
    if isinstance(kind, info.StructType):
        return "section"
    if isinstance(kind, (info.IntType, info.FloatType)):
        return _range(kind)
    names = {info.StrType: "text", info.BoolType: "true/false", info.AnyType: "anything"}
    return names.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


def _range(kind: Any) -> str:
    word = "integer" if isinstance(kind, msgspec.inspect.IntType) else "number"
    low = f"{kind.ge:g} ≤" if kind.ge is not None else (f"{kind.gt:g} <" if kind.gt is not None else "")
    high = f"≤ {kind.le:g}" if kind.le is not None else (f"< {kind.lt:g}" if kind.lt is not None else "")
    return f"{word}, {low} x {high}".replace("  ", " ").strip() if low or high else word


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
