"""The order of things in a review of code: settings, files, findings, what is known, verdict, documents."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.checks.code import baselines, settings
from modelwright.checks.code.collecting import Found, collect
from modelwright.checks.code.finding_models import FileReview, Ignored, Reported, Skipped
from modelwright.checks.code.reviewing import Reviewer
from modelwright.core.errors import DataError, SpecError
from modelwright.core.nouns import Severity
from modelwright.lifecycle.code_review_result import Work, result_of
from modelwright.lifecycle.operation import Context, Progress

if TYPE_CHECKING:
    from modelwright.checks.code.changes import Changes

#: before so many files no progress is told
_FEW_FILES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRequest:
    """What the operation of the same name asks."""

    paths: tuple[str, ...]
    diff: str | None = None
    baseline: str | None = None
    write_baseline: bool = False
    fail_on: str | None = None
    fix: bool = False
    suggest: bool = False
    form: str | None = None
    output: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    noisy: bool = False


def review_code(request: CodeRequest, context: Context) -> dict[str, Any]:
    """Review, and write what was asked for. Raises SpecError for wrong settings and DataError
    (`review.nothing_read`) when not one file could be read."""
    root = Path.cwd()
    chosen = _settings(request, root)
    reviewer = Reviewer(chosen, root)
    changes = _changes(root, request.diff) if request.diff is not None else None
    collected = collect(request.paths, root, chosen.exclude)
    work = Work(skipped=list(collected.skipped))
    if not collected.files and not work.skipped:
        raise DataError(
            "There is no Python file and no notebook here.", code="review.nothing_read",
            hint="name files, or a folder that holds .py or .ipynb files", subject=" ".join(request.paths),
        )  # fmt: skip
    files = [each for each in collected.files if changes is None or changes.touches(each.path)]
    for number, each in enumerate(files):
        if number % _FEW_FILES == _FEW_FILES - 1:
            context.progress(Progress(step="review", message=each.shown, done=number, total=len(files)))
        _one(each, reviewer, request, changes, work)
    if not work.reviews and work.skipped and (files or not collected.files):
        why = "; ".join(f"{each.path}: {each.reason}" for each in work.skipped[:3])
        raise DataError(
            f"Nothing could be read: {why}.", code="review.nothing_read", hint="name Python files or notebooks",
            subject=work.skipped[0].path,
        )  # fmt: skip
    _known(request, chosen, work)
    result = result_of(work, chosen.fail_on)
    _documents(request, result)
    return result


def _changes(root: Path, base: str) -> Changes:
    from modelwright.checks.code.changes import Changes

    return Changes(root, base)


def _settings(request: CodeRequest, root: Path) -> settings.Settings:
    """The file's settings, and what the command line says instead or besides."""
    chosen = settings.read(root)
    return msgspec.structs.replace(
        chosen,
        select=request.select or chosen.select,
        ignore=(*chosen.ignore, *request.ignore),
        fail_on=Severity(request.fail_on) if request.fail_on else chosen.fail_on,
        noisy=request.noisy or chosen.noisy,
        baseline=request.baseline or chosen.baseline,
    )


def _one(each: Found, reviewer: Reviewer, request: CodeRequest, changes: Changes | None, work: Work) -> None:
    review = reviewer.file(each.path, each.shown)
    if isinstance(review, Skipped):
        work.skipped.append(review)
        return
    if request.fix and any(found.finding.fix is not None and found.finding.fix.safe for found in review.findings):
        review = _mend(each, review, reviewer, work)
    if changes is not None:
        review = _brought(each, review, reviewer, changes, work)
    if request.suggest:
        from modelwright.checks.code.fixing import suggest

        found = suggest(each.path.read_bytes(), review, reviewer, each.path)
        work.suggestions += [
            {"subject": one.subject, "code": one.code, "text": one.text, "diff": one.diff} for one in found
        ]
    work.reviews.append(review)


def _mend(each: Found, review: FileReview, reviewer: Reviewer, work: Work) -> FileReview:
    """The file whole or not at all; what stands in it afterwards is reviewed as a file like any other."""
    from modelwright.checks.code.fixing import fix

    try:
        data = each.path.read_bytes()
        done = fix(data, review, reviewer, each.path)
        if done.changed:
            _write(each.path, data, done.data)
    except OSError as error:
        work.not_fixed.append(
            {"subject": each.shown, "code": "", "text": "", "reason": f"cannot be written: {error.strerror or error}"}
        )
        return review
    work.fixed += [{"subject": one.subject, "code": one.code, "text": one.text} for one in done.mended]
    work.not_fixed += [
        {"subject": one.subject, "code": one.code, "text": one.text, "reason": one.reason} for one in done.refused
    ]
    again = reviewer.file(each.path, each.shown) if done.changed else review
    return again if isinstance(again, FileReview) else review


def _write(path: Path, before: bytes, data: bytes) -> None:
    """Through links, with the file's mode, and only while it is still what was reviewed."""
    from modelwright.lifecycle.workspace import write_atomically

    real = Path(os.path.realpath(path))
    mode = real.stat().st_mode
    if real.read_bytes() != before:
        raise OSError("it was changed meanwhile")
    if not os.access(real, os.W_OK):
        raise OSError("it is read-only")
    write_atomically(real, data)
    real.chmod(mode)


def _brought(each: Found, review: FileReview, reviewer: Reviewer, changes: Changes, work: Work) -> FileReview:
    """Without findings that the commit's version of the file has too, unless they stand on changed lines."""
    from modelwright.checks.code.changes import changed_lines

    data = changes.before(each.path)
    former = _former(data, review, reviewer, each) if data is not None else None
    if former is None:
        return review
    had = Counter(found.fingerprint for found in (*former.findings, *former.undecided))
    new = changed_lines(former.lines, review.lines)
    first = {cell.number: cell.first - 1 for cell in review.source.cells}

    def fresh(found: Reported) -> bool:
        place = found.finding.place
        start = place.line + first.get(place.cell or 0, 0)
        end = start + max(0, (place.end_line or place.line) - place.line)
        return not had[found.fingerprint] or any(line in new for line in range(start, end + 1))

    work.known += [_ignored(found, "before") for found in review.findings if not fresh(found)]
    return replace(
        review,
        findings=tuple(found for found in review.findings if fresh(found)),
        undecided=tuple(found for found in review.undecided if fresh(found)),
    )


def _former(data: bytes, review: FileReview, reviewer: Reviewer, each: Found) -> FileReview | None:
    from modelwright.checks.code import loading

    text, _ = loading.decode(data)
    try:
        source = loading.from_text(text or "", review.path)
    except ValueError:
        return None
    return reviewer.source(source, *reviewer.surroundings(each.path))


def _ignored(found: Reported, by: str) -> Ignored:
    reason = "known in the baseline" if by == "baseline" else "stood there before the change"
    return Ignored(code=found.code, subject=found.subject, message=found.finding.message, reason=reason, by=by)


def _known(request: CodeRequest, chosen: settings.Settings, work: Work) -> None:
    """Write the baseline, or take out what it knows."""
    file = Path(chosen.baseline or baselines.DEFAULT)
    every = [found for review in work.reviews for found in review.findings]
    if request.write_baseline:
        from modelwright.lifecycle.workspace import write_atomically

        write_atomically(file, baselines.written(every).encode("ascii"))
        known = frozenset(found.key for found in every)
    elif chosen.baseline is not None:
        known = baselines.read(file)
    else:
        return
    looked_at = [review.path for review in work.reviews]
    work.baseline = {"path": str(file), "known": 0, "gone": baselines.gone(known, every, looked_at)}
    for number, review in enumerate(work.reviews):
        old = [found for found in review.findings if found.key in known]
        if old:
            work.known += [_ignored(found, "baseline") for found in old]
            kept = tuple(found for found in review.findings if found.key not in known)
            work.reviews[number] = replace(review, findings=kept)
            work.baseline["known"] += len(old)


def _documents(request: CodeRequest, result: dict[str, Any]) -> None:
    from modelwright.documents.code_review import ENDINGS, render

    form = request.form
    if request.output is None:
        if form not in (None, "text"):
            result["document"] = render(result, form)
        return
    ending = Path(request.output).suffix.lower()
    form = form or ENDINGS.get(ending)
    if form is None:
        raise SpecError(
            f"The ending '{ending}' names no form.", code="review.output",
            hint="add --format text, sarif, github, markdown or html", subject="--output",
        )  # fmt: skip
    from modelwright.lifecycle.workspace import write_atomically

    write_atomically(Path(request.output), render(result, form).encode("utf-8", "backslashreplace"))
    result["paths"] = {"review": request.output}
