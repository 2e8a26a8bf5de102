"""Load a pipeline file: strict YAML, every mistake at its place with a correction, overrides by the same rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import ModelwrightError, SpecError
from modelwright.core.plugins import load_all, names
from modelwright.spec import check_params, check_rules, strict_yaml
from modelwright.spec.check_types import Checker, struct_type, unknown_key
from modelwright.spec.model import ModelSpec, Spec
from modelwright.spec.override import apply_overrides
from modelwright.spec.placing import placed
from modelwright.spec.source import Advice, Entry, Node, Source, error_at


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSpec:
    """A checked spec with the text it came from. `positions` maps a dotted path (`model.max_depth`,
    `features.id[0]`) to the 1-based line and column of its value."""

    spec: Spec
    text: str
    file: str = ""
    overrides: tuple[str, ...] = ()
    positions: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: the path's node, for errors that later stages find (`located`)
    nodes: dict[str, Node] = field(default_factory=dict, repr=False)

    @property
    def base_dir(self) -> Path:
        """The folder relative paths and hooks start from: the file's own, else the current one."""
        return Path(self.file).absolute().parent if self.file and not self.file.startswith("<") else Path.cwd()

    def located(self, error: SpecError, path: str) -> SpecError:
        """The same error with the place of a key, for mistakes found after loading (a metric that does not fit)."""
        node = self.nodes.get(path)
        if node is None or error.line is not None:
            return error
        return error_at(node, error.message, Advice(hint=error.hint), code=error.code, subject=error.subject or path)

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Within, mistakes that later stages find in the spec come out at their place in the file."""
        try:
            yield
        except SpecError as error:
            found = placed(error, self.nodes)
            if found is error:
                raise
            raise found from error


def load_spec(path: str | Path, overrides: Sequence[str] = ()) -> LoadedSpec:
    """Load and check a file. Raises SpecError (all mistakes: the first, with `.others`) or NotFoundError."""
    return _load(strict_yaml.read(Path(path)), overrides)


def load_spec_text(text: str, file: str = "pipeline.yaml", overrides: Sequence[str] = ()) -> LoadedSpec:
    """Load and check a text; `file` is its name in errors."""
    return _load(strict_yaml.decode(text.encode("utf-8", "surrogatepass"), file), overrides)


def _load(source: Source, overrides: Sequence[str]) -> LoadedSpec:
    root = strict_yaml.parse(source)
    apply_overrides(root, overrides)
    checker = Checker()
    kind = struct_type(Spec)
    unknown = _check(root, kind, checker)
    raise_all(checker.errors)
    return LoadedSpec(
        spec=_build(root, unknown),
        text=source.text,
        file=source.name,
        overrides=tuple(overrides),
        positions={path: (node.line, node.column) for path, node in _walk(root)},
        nodes=dict(_walk(root)),
    )


def _check(root: Node, kind: Any, checker: Checker) -> list[Entry]:
    """All checks; returns the entries of `model` that are a family's parameters."""
    entry = root.get("model")
    model = entry.node if entry is not None else None
    others = [e for e in root.entries if e is not entry]
    # `model` is checked apart: the keys it does not know belong to the family
    rest = Node("map", root.source, root.line, root.column, root.end_line, root.end_column, flow=root.flow)
    rest.entries = others
    if root.kind != "map":
        checker.struct(root, kind, "")
        return []
    checker.struct(rest, kind, "")
    unknown: list[Entry] = []
    if model is not None:
        unknown = checker.struct(model, struct_type(ModelSpec), "model", extra=("params",))
    model = model if model is not None and model.kind == "map" else None
    families = check_params.check_families(model, checker)
    unknown = _close_misspellings(unknown, model, families, checker)
    check_params.check_params(model, unknown, families, checker)
    tuning = root.get("tuning")
    check_params.check_space(tuning.node if tuning is not None else None, families, checker)
    check_rules.check_rules(root, checker)
    check_rules.check_metric(root, metric_names(root), checker)
    return unknown


def _close_misspellings(
    unknown: list[Entry], model: Node | None, families: list[str] | None, checker: Checker
) -> list[Entry]:
    """Where the family is open (a hook), a key very close to one of `model`'s own is still a misspelling."""
    import difflib

    if families is not None or model is None:
        return unknown
    own = [name for name in ModelSpec.__struct_fields__ if name != "params"]
    kept = []
    for entry in unknown:
        if difflib.get_close_matches(entry.name, own, n=1, cutoff=0.85):
            checker.errors.append(unknown_key(entry, own, "model", [e.name for e in model.entries]))
        else:
            kept.append(entry)
    return kept


def metric_names(root: Node) -> list[str]:
    """Every metric name and alias; empty when the file names no metric or none can be listed."""
    evaluation = root.get("evaluation")
    entry = evaluation.node.get("metric") if evaluation is not None else None
    if entry is None or not isinstance(entry.node.value, str) or entry.node.value in names("metrics"):
        return []
    good, bad = load_all("metrics")
    if bad:
        return []  # the list is not whole, so it cannot refuse a name
    return [*good, *(alias for plugin in good.values() for alias in plugin.aliases)]


def raise_all(errors: list[SpecError]) -> None:
    """Raise the first error by line, the rest as its `others`; nothing when there is none."""
    if not errors:
        return
    ordered = sorted(errors, key=lambda e: (e.file.startswith("--set"), e.line or 0, e.column or 0))
    first = ordered[0]
    first.others = tuple(ordered[1:])
    raise first


def _build(root: Node, unknown: list[Entry]) -> Spec:
    plain = root.plain()
    # an empty section (`training:` with nothing below) means its defaults
    plain = {
        key: ({} if value is None and key not in ("tuning", "tracking") else value) for key, value in plain.items()
    }
    model = dict(plain.get("model", {}))
    params = {**(model.get("params") or {}), **{entry.name: model.pop(entry.name) for entry in unknown}}
    if params:
        model["params"] = params
    if model:
        plain["model"] = model
    data = dict(plain["data"])
    if "split" in data and data["split"] is None:
        del data["split"]
    evaluation = dict(plain.get("evaluation", {}))
    if "cv" in evaluation and evaluation["cv"] is None:
        del evaluation["cv"]
    try:
        return msgspec.convert({**plain, "data": data, "evaluation": evaluation}, Spec)
    except msgspec.ValidationError as error:  # the checks above are meant to be complete; if not, still no traceback
        advice = Advice(hint="correct this key; `modelwright schema` prints every key with its range")
        raise error_at(root, f"The file does not fit: {error}.", advice) from error


def _walk(node: Node, path: str = "") -> list[tuple[str, Node]]:
    found = [(path, node)] if path else []
    for entry in node.entries:
        found += _walk(entry.node, f"{path}.{entry.name}".lstrip("."))
    for number, item in enumerate(node.items):
        found += _walk(item, f"{path}[{number}]")
    return found


__all__ = ["LoadedSpec", "ModelwrightError", "load_spec", "load_spec_text", "raise_all"]
