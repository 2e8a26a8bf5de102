"""Review how a run was made: seeds, splits, order of steps, reuse, environment, scorers, configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.reviewing import ReviewRequest, review

if TYPE_CHECKING:
    from modelwright.core.nouns import Finding
    from modelwright.core.run import RunRecord


class Request(ReviewRequest, frozen=True, kw_only=True):
    config: Annotated[
        tuple[str, ...],
        Meta(description="also judge this configuration, or those below this folder: YAML, JSON, TOML; repeatable"),
    ] = ()


def perform(request: Request, context: Context) -> dict[str, Any]:
    return review("pipeline", request, context, lambda record: _of_configurations(record, request.config))


def _of_configurations(record: RunRecord, given: Sequence[str]) -> list[Finding]:
    """What the rules for configurations say of the run's own file and of those that were named."""
    from pathlib import Path

    from modelwright.checks.code.collecting import collect_configs
    from modelwright.checks.code.configs import config_from_text
    from modelwright.checks.code.finding_models import FileReview
    from modelwright.checks.code.reviewing import Reviewer
    from modelwright.checks.code.verdicts import as_findings
    from modelwright.core.errors import NotFoundError

    reviewer = Reviewer()
    own = config_from_text(record.spec_text, "pipeline.yaml")
    reviews = [reviewer.read_config(own)] if own is not None else []
    collected = collect_configs(given, Path.cwd())
    for each in collected.skipped:
        raise NotFoundError(
            f"The configuration {each.path} cannot be read: {each.reason}.", code="review.config", subject=each.path,
            hint="name a YAML, JSON or TOML file, or a folder",
        )  # fmt: skip
    found = [reviewer.config(each.path, each.shown) for each in collected.files]
    reviews += [each for each in found if isinstance(each, FileReview)]
    return as_findings([each for one in reviews for each in (*one.findings, *one.undecided)])


PLUGIN: Operation = Operation(request=Request, perform=perform)
