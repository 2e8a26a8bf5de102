"""Review one file after another: load it, ask every rule, apply the comments, name what is left."""

from __future__ import annotations

import ast
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from modelwright.checks.code import ignoring, loading, roles, unjudged
from modelwright.checks.code.facts import Facts
from modelwright.checks.code.finding_models import FileReview, Ignored, Reported, Skipped, lines_of, subject
from modelwright.checks.code.flow import Flow
from modelwright.checks.code.names import Names
from modelwright.checks.code.neighbours import Kept, Neighbours
from modelwright.checks.code.nouns import CodeFinding, Confidence, Kind, Place, Role, RuleInfo, Source
from modelwright.checks.code.reporting import at_home, idle_in_a_test, in_a_test, once, per_file, report
from modelwright.checks.code.settings import Settings, active, left_out
from modelwright.core import plugins
from modelwright.core.nouns import Severity

if TYPE_CHECKING:
    from modelwright.checks.code.configs import Config
    from modelwright.checks.code.facts import Rule

FAILED = RuleInfo(
    code="CHECK.FAILED",
    name="rule-failed",
    severity=Severity.INFO,
    why="A rule could not finish on this file, so what it guards is not judged.",
    fix="report it with the file; every other rule still ran",
    source="a rule that breaks must not take the review down, and must not pass for an answer",
)
#: a pinned version: `scikit-learn==1.8.0`
_PIN = re.compile(r"""^[\s"'-]*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*={1,3}\s*v?(\d[\w.]*)""", re.MULTILINE)
_PIN_FILES = ("requirements.txt", "environment.yml", "environment.yaml", "constraints.txt", "pyproject.toml")
_PIN_BYTES = 200_000
#: read as configurations where they are named
_CONFIGS = (".yaml", ".yml", ".toml", ".json")


@cache
def rules() -> tuple[dict[str, Rule], dict[str, str]]:
    """The rules that load, and why others do not."""
    good, bad = plugins.load_all("checks.code")
    return good, {name: error.message for name, error in bad.items()}


@cache
def infos() -> dict[str, RuleInfo]:
    """Every code there is, in order."""
    every = [info for rule in rules()[0].values() for info in rule.infos]
    return {info.code: info for info in sorted([*every, *ignoring.INFOS, *unjudged.INFOS], key=lambda info: info.code)}


class Reviewer:
    """Reviews files by the same settings. Keeps of one file for the next only what the disk says, so that
    their order is nothing."""

    def __init__(self, settings: Settings | None = None, root: Path | None = None) -> None:
        """Raises SpecError (`review.unknown_code`)."""
        self.settings = settings or Settings()
        self.root = root or Path.cwd()
        self.active = active(infos(), self.settings)
        if any(code.startswith(unjudged.ABOUT) for code in self.active):
            self.active |= active({info.code: info for info in unjudged.INFOS}, Settings())
        self._folders: dict[Path, tuple[frozenset[str], dict[str, str]]] = {}
        self._kept: Kept = OrderedDict()
        good, self._broken = rules()
        self._rules = {
            name: rule for name, rule in sorted(good.items()) if any(info.code in self.active for info in rule.infos)
        }

    def file(self, path: Path, shown: str) -> FileReview | Skipped:
        """Read and review; whatever is wrong with the file is an answer, never an exception."""
        if path.suffix.lower() in _CONFIGS:
            return self.config(path, shown)
        loaded = loading.load(path, shown)
        if not isinstance(loaded, Source):
            return Skipped(path=shown, reason=loaded.why)
        return at_home(self.source(loaded, *self.surroundings(path)), path)

    def config(self, path: Path, shown: str) -> FileReview | Skipped:
        """Review a configuration of a training."""
        from modelwright.checks.code.configs import load_config

        config = load_config(path, shown)
        if config is None:
            return Skipped(path=shown, reason="it is no configuration of a training that can be read")
        return self.read_config(config)

    def read_config(self, config: Config) -> FileReview:
        """Review a configuration that is already read."""
        source = Source(path=config.path, kind=Kind.MODULE, text=config.text, tree=ast.Module([], []))
        found: list[CodeFinding] = []
        for name, rule in self._rules.items():
            run = getattr(rule, "run_config", None)
            try:
                found += [each for each in run(config) if each.code in self.active] if run is not None else []
            except Exception as error:  # noqa: BLE001 - one bad rule must not take the review down
                found.append(_failed(source, name, f"{type(error).__name__}: {error}"))
        reported = sorted(report(source, list(once(found)), infos(), FAILED), key=Reported.order)
        return FileReview(
            source=source,
            role=Role.CONFIG,
            findings=tuple(each for each in reported if not each.finding.undecided),
            undecided=tuple(each for each in reported if each.finding.undecided),
            lines=lines_of(source.text),
        )

    def surroundings(self, path: Path) -> tuple[frozenset[str], dict[str, str], Neighbours]:
        """Names of files beside a file and in the folders above it up to the root or the repository, the versions
        pinned in them, and the modules that can be imported from there."""
        folder, root = path.absolute().parent, self.root.absolute()
        names: set[str] = set()
        pins: dict[str, str] = {}
        above: list[Path] = []
        for here in (folder, *folder.parents):
            listed, pinned = self._listed(here)
            above.append(here)
            names |= listed
            pins = {**pinned, **pins}
            if here == root or ".git" in listed or not here.is_relative_to(root):
                break  # outside of what was asked for, only the file's own folder counts
        near = Neighbours(tuple(above), root, lambda here: self._listed(here)[0], self._kept)
        return frozenset(names), pins, near

    def _listed(self, folder: Path) -> tuple[frozenset[str], dict[str, str]]:
        if folder not in self._folders:
            self._folders[folder] = _folder(folder)
        return self._folders[folder]

    def source(
        self,
        source: Source,
        beside: frozenset[str] = frozenset(),
        pins: Mapping[str, str] | None = None,
        near: Neighbours | None = None,
    ) -> FileReview:
        """Review what is already read."""
        try:
            facts = _facts(source, beside, pins or {}, near)
        except Exception as error:  # noqa: BLE001 - odd code must not take the review down
            return self._unread(source, error)
        found = [each for each in self._findings(facts) if not _told_elsewhere(each, source)]
        off = left_out(source.path, self.settings.per_file_ignores)
        found = [each for each in found if not (off and each.code.startswith(off))]
        answered = ignoring.answer(source, found, infos(), self.active)
        about = [each for each in answered.about_comments if each.code in self.active]
        return _reviewed(facts, [*answered.kept, *about], answered.ignored)

    def _findings(self, facts: Facts) -> Iterator[CodeFinding]:
        for name, rule in self._rules.items():
            try:
                found = [each for each in rule.run(facts) if each.code in self.active]
            except Exception as error:  # noqa: BLE001 - one bad rule must not take the review down
                yield _failed(facts.source, name, f"{type(error).__name__}: {error}")
                continue
            yield from once(per_file(found, {info.code: info for info in rule.infos}))
        yield from (each for each in unjudged.unjudged(facts) if each.code in self.active)
        for name, reason in sorted(self._broken.items()):
            yield _failed(facts.source, name, reason)

    def _unread(self, source: Source, error: Exception) -> FileReview:
        said = _failed(source, "names and flow", f"{type(error).__name__}: {error}")
        reported = report(source, [said], infos(), FAILED)
        return FileReview(source=source, role=Role.OTHER, undecided=reported, lines=lines_of(source.text))


def _told_elsewhere(found: CodeFinding, source: Source) -> bool:
    """Does all of it happen in a module that this file imports? That module's own review says it."""
    return bool(found.steps) and all(each.place.path != source.path for each in found.steps)


def _facts(source: Source, beside: frozenset[str], pins: Mapping[str, str], near: Neighbours | None) -> Facts:
    names = Names.of(source.tree)
    return Facts(
        source=source,
        names=names,
        role=roles.of(source, names),
        flow=Flow.of(source, names, near),
        beside=beside,
        versions=pins,
    )


def _reviewed(facts: Facts, found: Sequence[CodeFinding], ignored: Iterable[tuple[CodeFinding, str]]) -> FileReview:
    reported = sorted(report(facts.source, found, infos(), FAILED), key=Reported.order)
    if facts.role is Role.TEST:
        reported = [in_a_test(each) for each in reported if not idle_in_a_test(each)]
    return FileReview(
        source=facts.source,
        role=facts.role,
        findings=tuple(each for each in reported if not each.finding.undecided),
        undecided=tuple(each for each in reported if each.finding.undecided),
        ignored=tuple(
            Ignored(code=each.code, subject=subject(each.place), message=each.message, reason=reason, by="comment")
            for each, reason in ignored
        ),
        lines=lines_of(facts.source.text),
    )


def _failed(source: Source, name: str, reason: str) -> CodeFinding:
    return CodeFinding(
        code=FAILED.code,
        place=Place(path=source.path, line=1),
        message=f"The rule '{name}' could not finish on this file ({reason[:200]}), so what it guards is not judged.",
        confidence=Confidence.PATTERN,
        undecided=True,
    )


def _folder(folder: Path) -> tuple[frozenset[str], dict[str, str]]:
    try:
        names = frozenset(entry.name for entry in folder.iterdir())
    except OSError:
        return frozenset(), {}
    pins: dict[str, str] = {}
    for name in _PIN_FILES:
        if name in names:
            try:
                with (folder / name).open("rb") as handle:
                    text = handle.read(_PIN_BYTES).decode("utf-8", "replace")
            except OSError:
                continue
            pins |= {match[1].lower().replace("_", "-"): match[2] for match in _PIN.finditer(text)}
    return names, pins
