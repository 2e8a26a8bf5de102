"""Precision, recall and speed of the code review on labelled files of our own, beside a line-order regex.

The files under corpus/ end in `.txt`, so that no other tool takes them for this repository's code; `.nb.txt` are
notebooks whose cells begin with `# %%`. labels.csv names what a careful reader finds: `A/B` means that either code will
do, and `optional` that it may be found or not. A finding of medium or higher severity without a label counts as false.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
FAMILIES = {
    "preparation over judged rows": ("LK101", "LK102", "LK105", "LK106", "LK115", "LK116", "LK118"),
    "rows on both sides": ("LK103", "LK111", "LK112", "LK113", "LK114", "LK117"),
    "columns chosen by all rows": ("LK104",),
    "the target in the features": ("LK107", "LK108"),
    "time": ("LK109", "LK110"),
    "test used to choose": ("EV202", "EV203", "EV204", "EV206", "EV207"),
    "test used to fit": ("EV201",),
    "judging otherwise wrong": ("EV205", "EV208", "EV209", "EV212", "EV213", "EV214", "EV215", "EV216",
                                "EV217", "EV218"),
    "torch and keras": ("TO",),
    "safety and serving": ("SE", "DP"),
    "the rest": ("RP", "DA", "SK", "NB", "CF"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    code: str
    lines: frozenset[int]  # of the corpus file; the place and every step
    place: int
    grave: bool  # medium or above


@dataclass(slots=True)
class Tally:
    hit: int = 0
    exact: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.hit / max(1, self.hit + len(self.false))

    @property
    def recall(self) -> float:
        return self.hit / max(1, self.hit + len(self.missed))


def materialise(folder: Path) -> dict[str, tuple[Path, list[int]]]:
    """Corpus path -> the real file, and the corpus line of each cell's first line (empty for modules)."""
    made = {}
    for file in sorted(CORPUS.rglob("*.txt")):
        name = file.relative_to(CORPUS).as_posix()
        text = file.read_text(encoding="utf-8")
        target = folder / name.removesuffix(".txt")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith(".nb.txt"):
            target.write_text(text, encoding="utf-8")
            made[name] = (target, [])
            continue
        target = target.with_suffix(".ipynb")
        lines, cells, starts = text.splitlines(), [], []
        for number, line in enumerate(lines, 1):
            if line == "# %%":
                cells.append([])
                starts.append(number + 1)
            else:
                cells[-1].append(line)
        code = [
            {"cell_type": "code", "execution_count": n, "metadata": {}, "outputs": [], "source": "\n".join(cell)}
            for n, cell in enumerate(cells, 1)
        ]
        whole = {"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        target.write_text(json.dumps(whole), encoding="utf-8")
        made[name] = (target, starts)
    return made


def labels() -> dict[str, list[tuple[tuple[str, ...], int, bool]]]:
    found = defaultdict(list)
    with (HERE / "labels.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            found[row["path"]].append((tuple(row["code"].split("/")), int(row["line"]), row["kind"] == "required"))
    return found


def ours(made: dict[str, tuple[Path, list[int]]], root: Path) -> dict[str, list[Found]]:
    from modelwright.checks.code.finding_models import FileReview
    from modelwright.checks.code.reviewing import Reviewer
    from modelwright.core.nouns import Severity

    reviewer = Reviewer(root=root)
    answers: dict[str, list[Found]] = {}
    for name, (file, starts) in made.items():
        review = reviewer.file(file, file.relative_to(root).as_posix())
        assert isinstance(review, FileReview), name

        def line(place, starts=starts):
            return place.line if place.cell is None else starts[place.cell - 1] + place.line - 1

        answers[name] = [
            Found(
                each.code,
                frozenset([line(each.finding.place), *(line(step.place) for step in each.finding.steps)]),
                line(each.finding.place),
                each.severity.rank >= Severity.MEDIUM.rank,
            )
            for each in review.findings
        ]
    return answers


_FITS = re.compile(r"\.fit_transform\(|\.fit_on_texts\(|\bscale\(")
_RESAMPLES = re.compile(r"\.fit_(re)?sample\(")
_CHOOSES = re.compile(r"(SelectKBest|SelectFromModel|RFE|RFECV)\b.*\.fit")
_SPLITS = re.compile(r"train_test_split\(|cross_val|KFold\(|cross_validate\(")


def by_regex(made: dict[str, tuple[Path, list[int]]]) -> dict[str, list[Found]]:
    """What order of lines alone can see: a fit before the first split, and a fit on something named test."""
    answers = {}
    for name in made:
        found = []
        lines = (CORPUS / name).read_text(encoding="utf-8").splitlines()
        split = next((n for n, line in enumerate(lines, 1) if _SPLITS.search(line) and "import" not in line), None)
        for number, line in enumerate(lines, 1):
            code = ""
            if re.search(r"\.fit(_transform)?\([^)]*test", line):
                code = "EV201"
            elif split is not None and number < split:
                code = "LK103" if _RESAMPLES.search(line) else "LK104" if _CHOOSES.search(line) else ""
                code = code or ("LK101" if _FITS.search(line) else "")
            if code:
                found.append(Found(code, frozenset([number]), number, True))
        answers[name] = found
    return answers


def family(code: str) -> str:
    return next((name for name, codes in FAMILIES.items() if code.startswith(codes)), "the rest")


def score(answers: dict[str, list[Found]]) -> tuple[dict[str, Tally], list[str]]:
    tallies: dict[str, Tally] = {name: Tally() for name in FAMILIES}
    wanted, flagged = labels(), []
    for name, found in answers.items():
        left = list(found)
        for codes, line, required in wanted.get(name, []):
            tally = tallies[family(codes[0])]
            match = [each for each in left if each.code in codes and line in each.lines]
            match = match or [each for each in left if each.code in codes]
            if match and required:
                tally.hit += 1
                tally.exact += any(line in each.lines for each in match)
            elif required:
                tally.missed.append(f"{name}:{line} {'/'.join(codes)}")
            known = {each.place for each in match}
            left = [each for each in left if not (each.code in codes and (each.place in known or line in each.lines))]
        every = {code for codes, _, _ in wanted.get(name, []) for code in codes}
        for each in left:
            if each.grave and each.code not in every:  # the same leak told twice is no false alarm
                tallies[family(each.code)].false.append(f"{name}:{each.place} {each.code}")
                if name.startswith("clean/"):
                    flagged.append(f"{name}:{each.place} {each.code}")
    return tallies, flagged


def table(title: str, tallies: dict[str, Tally], flagged: list[str], clean: int) -> str:
    lines = [title, "| family | precision | recall | found | false | missed | right line |", "|" + "---|" * 7]
    whole = Tally()
    for name, tally in tallies.items():
        whole.hit += tally.hit
        whole.exact += tally.exact
        whole.missed += tally.missed
        whole.false += tally.false
        lines.append(_row(name, tally))
    files = len({each.split(":")[0] for each in flagged})
    lines += [_row("all", whole), f"clean files flagged at medium or above: {files} of {clean}"]
    return "\n".join(lines)


def _row(name: str, tally: Tally) -> str:
    return (
        f"| {name} | {tally.precision:.2f} | {tally.recall:.2f} | {tally.hit} | {len(tally.false)} "
        f"| {len(tally.missed)} | {tally.exact} |"
    )


def speed(folder: Path) -> str:
    """CPU time, since the machine may be shared; files that were read once are read again from memory by the system."""
    from modelwright.checks.code.collecting import collect
    from modelwright.checks.code.reviewing import Reviewer

    files = collect([str(folder)], folder).files
    reviewer = Reviewer(root=folder)
    reviewer.file(files[0].path, files[0].shown)
    gc.set_threshold(200_000, 20, 20)  # as the command does
    began = time.process_time()
    lines = 0
    for each in files:
        review = reviewer.file(each.path, each.shown)
        lines += len(getattr(review, "lines", ()))
    spent = time.process_time() - began
    rate = f"{len(files) / spent:.0f} files/s, {lines / spent:,.0f} lines/s"
    return f"{len(files)} files, {lines:,} lines in {spent:.2f} CPU-s: {rate}"


def start(file: Path) -> str:
    """The least CPU time of seven starts on one small file."""
    spent = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "modelwright", "review", "code", str(file)], capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return f"start on one small file: {min(spent):.2f} CPU-s at best, {sorted(spent)[3]:.2f} in the middle"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--details", action="store_true", help="name what is missed and what is false")
    parser.add_argument("--speed", help="measure speed over this folder too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = materialise(root)
        clean = sum(name.startswith("clean/") for name in made)
        answers = ours(made, root)
        tallies, flagged = score(answers)
        print(table(f"Modelwright on {len(made)} files", tallies, flagged, clean))
        other, other_flagged = score(by_regex(made))
        print("\n" + table("order of lines, by regex", other, other_flagged, clean))
        if options.details:
            print("\nmissed", *[m for tally in tallies.values() for m in tally.missed], sep="\n  ")
            print("false", *[f for tally in tallies.values() for f in tally.false], sep="\n  ")
        print("\n" + speed(root))
        if options.speed:
            print(speed(Path(options.speed)))
        print(start(made["clean/pipeline_cv.py.txt"][0]))
    return 1 if flagged else 0


if __name__ == "__main__":
    sys.exit(main())
