"""Configurations as evidence: YAML, JSON and TOML files of training jobs, and a pipeline's own file.

The CF rules judge them. A rule file of that family has, beside `infos`, `examples` and `run` (which finds nothing in
Python), a function `run_config`. Whoever reviews a repository calls

    config = load_config(path, shown)          # None where the file is no configuration of a model
    for name in plugins.names("checks.code"):
        rule = plugins.load("checks.code", name)
        if isinstance(rule, ConfigRule) and config is not None:
            findings.extend(rule.run_config(config))
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelwright.checks.code.examples import read_examples
from modelwright.checks.code.facts import Facts
from modelwright.checks.code.nouns import CodeExample, CodeFinding, Confidence, Place, RuleInfo

SUFFIXES = frozenset([".yaml", ".yml", ".json", ".toml"])
BYTES_AT_MOST = 1_000_000
_DEPTH_AT_MOST = 30
#: a configuration of a model names at least two of these
_WORDS = re.compile(
    r"(?:^|[._])(?:model|models|train\w*|epochs|num_epochs|batch_size|lr|learning_rate|optimi[sz]er|metrics?|loss|early_stopping|target"
    r"|label|valid\w*|val\w*|test\w*|search\w*|sampler|resampl\w*|class_weights?|dropout|patience|objective|task|scoring|trials"
    r"|n_trials|param_grid|parameters|hyperparameters|families|split|data|dataset)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Config:
    """A parsed configuration: each setting by its dotted path, with the line it stands on where that is known."""

    path: str
    text: str
    values: dict[str, Any]  # `train.optimizer.lr` -> 0.1; items of lists by their number
    tree: Any = None
    lines: dict[str, int] = field(default_factory=dict)

    def place(self, key: str) -> Place:
        return Place(path=self.path, line=self.line(key))

    def line(self, key: str) -> int:
        """The first line that names the last word of the path after its section's; 1 where none does."""
        if key in self.lines:
            return self.lines[key]
        rows = self.text.splitlines()
        at = 0
        for part in key.split("."):
            if part.isdigit():
                continue
            pattern = re.compile(
                rf"^\s*(?:-\s*)?[\[\"']*{re.escape(part)}[\]\"']*\s*[:=\]]|[\"'.\[,{{\s]{re.escape(part)}[\"'\]]*\s*[:=\]]"
            )
            at = next((number for number in range(at, len(rows)) if pattern.search(rows[number])), at)
        return at + 1

    def find(self, pattern: str) -> Iterator[tuple[str, Any]]:
        """Settings whose dotted path matches, in the order of the file."""
        wanted = re.compile(pattern, re.IGNORECASE)
        return ((key, value) for key, value in self.values.items() if wanted.search(key))

    def first(self, pattern: str) -> tuple[str, Any] | None:
        return next(self.find(pattern), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRule:
    """A Rule that judges configurations; its examples are texts of such files."""

    infos: tuple[RuleInfo, ...]
    run_config: Callable[[Config], Iterable[CodeFinding]]
    stem: str

    @property
    def examples(self) -> tuple[CodeExample, ...]:
        return read_examples(Path(__file__).parent / "rules" / "examples" / f"{self.stem}.txt")

    @property
    def run(self) -> Callable[[Facts], Iterable[CodeFinding]]:
        return _nothing


def _nothing(facts: Facts) -> Iterable[CodeFinding]:
    return ()


def load_config(path: Path, shown: str) -> Config | None:
    """Read one file; None where it is none of the kinds, too large, broken, or no configuration of a model."""
    if path.suffix.lower() not in SUFFIXES:
        return None
    try:
        if not path.is_file() or path.stat().st_size > BYTES_AT_MOST:
            return None
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    return config_from_text(text, shown)


def config_from_text(text: str, path: str = "config.yaml") -> Config | None:
    """A Config from a text in the form that its path's ending says."""
    try:
        tree = _parse(text, path)
    except (ValueError, RecursionError):
        return None
    if not isinstance(tree, dict):
        return None
    values: dict[str, Any] = {}
    _flatten(tree, "", values, 0)
    if len({match[0].lower() for key in values for match in [_WORDS.search(key)] if match} | _sections(tree)) < 2:
        return None
    return Config(path, text, values, tree)


def _sections(tree: dict[Any, Any]) -> set[str]:
    return {str(key).lower() for key in tree if _WORDS.search(str(key))}


def _parse(text: str, path: str) -> Any:
    if path.endswith(".json"):
        return json.loads(text)
    if path.endswith(".toml"):
        return tomllib.loads(text)
    if re.search(r"[&*]\w+", text) and len(re.findall(r"(?<!\w)\*\w+", text)) > 50:
        raise ValueError("too many aliases")
    import yaml

    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506 - the safe loader, which keeps no tags
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _loader() -> Any:
    """The safe loader, with numbers such as 1e-3 read as numbers and foreign tags left out."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]
        pass

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\d+(?:\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
    )
    Loader.add_multi_constructor("", lambda loader, suffix, node: None)
    return Loader


def _flatten(tree: Any, path: str, found: dict[str, Any], depth: int) -> None:
    if depth > _DEPTH_AT_MOST or len(found) > 20_000:
        return
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            _flatten(value, f"{path}.{key}" if path else str(key), found, depth + 1)
    elif isinstance(tree, list) and any(isinstance(item, dict | list) for item in tree):
        for number, item in enumerate(tree):
            _flatten(item, f"{path}.{number}" if path else str(number), found, depth + 1)
    else:
        found[path] = tree


def config_finding(
    config: Config, code: str, key: str, message: str, confidence: Confidence, **more: Any
) -> CodeFinding:
    """A finding at a setting."""
    return CodeFinding(
        code=code,
        place=config.place(key),
        message=message,
        confidence=confidence,
        statement=f"{key}: {config.values.get(key)!r}"[:200],
        **more,
    )
