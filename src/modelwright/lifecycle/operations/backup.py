"""Back the workspace up while it is used: journal, runs, bundles and log, and restore it once to see that it works."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from modelwright.lifecycle.operation import Context, Operation
from modelwright.lifecycle.operation import Request as _Request


class Request(_Request, frozen=True, kw_only=True):
    dest: Annotated[
        str, Meta(description="an empty folder, or one with earlier backups: only what is new is added",
                  extra={"positional": True})
    ]  # fmt: skip
    secrets: Annotated[bool, Meta(description="also keep the secret that hashes personal data in the log")] = False
    no_verify: Annotated[bool, Meta(description="do not restore it into a scratch folder afterwards")] = False


def perform(request: Request, context: Context) -> dict[str, Any]:
    from pathlib import Path

    from modelwright.lifecycle.backing_up import back_up
    from modelwright.lifecycle.workspace import Workspace

    space = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    return back_up(space, Path(request.dest), context, secrets=request.secrets, verify=not request.no_verify)


PLUGIN: Operation = Operation(request=Request, perform=perform)
