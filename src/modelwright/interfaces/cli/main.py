"""The command-line door: find the command, build its request, perform it, show the result, choose the exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from modelwright.core.errors import ModelwrightError
from modelwright.interfaces.cli import commands, exit_codes, output, problems

_SHARED_SWITCHES = ("--json", "--quiet", "--no-color")


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code; never raises, and never shows a traceback unasked."""
    output.safe_streams()
    if arguments is None:
        _stop_on_sigterm()
        _one_thread_per_library()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(_shared_last(given))
    except SystemExit as stop:  # argparse after --help
        return int(stop.code or 0) if not isinstance(stop.code, str) else exit_codes.FAILED
    except BrokenPipeError:
        output.silence_broken_pipe()
        return exit_codes.OK
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last wall before the user
        return _report(error, given, None)


def _one_thread_per_library() -> None:
    """Numerical libraries that start a thread per core are slower by factors beside our own workers. Said before
    numpy is imported; what a person has set stays."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")


def _stop_on_sigterm() -> None:
    """SIGTERM ends a command as Ctrl-C does, with a sentence and a recorded end; training has its own way to stop."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _shared_last(given: list[str]) -> list[str]:
    """Allow the switches of every command before the command too: `modelwright --json runs list`."""
    moved: list[str] = []
    rest = list(given)
    while rest and (rest[0] in _SHARED_SWITCHES or rest[0].split("=")[0] == "--workspace"):
        moved.append(rest.pop(0))
        if moved[-1] == "--workspace" and rest:
            moved.append(rest.pop(0))
    return [*rest, *moved]


def _dispatch(given: list[str]) -> int:
    words = [word for word in given if not word.startswith("-")]
    wants_help = not words or "-h" in given or "--help" in given
    if given[:1] == ["--version"] or given[:1] == ["-V"]:
        from modelwright._version import VERSION

        sys.stdout.write(f"modelwright {VERSION}\n")
        return exit_codes.OK
    if wants_help and (not words or words == ["help"]):
        sys.stdout.write(commands.overview())
        return exit_codes.OK
    if words == ["help"]:
        sys.stdout.write(commands.overview())
        return exit_codes.OK
    group = tuple(words[:1])
    if wants_help and group not in commands.commands() and len(words) == 1 and commands.group_below(group):
        sys.stdout.write(commands.overview(group))
        return exit_codes.OK
    found, rest = commands.split_command(given)
    return _perform(found, rest, given)


def _perform(words: tuple[str, ...], rest: list[str], given: list[str]) -> int:
    from modelwright.core.plugins import load
    from modelwright.interfaces.cli import arguments
    from modelwright.lifecycle.operation import Context

    name = commands.operation_name(words)
    operation = load("operations", name)
    request, shared = arguments.parse(words, commands.commands()[words], operation.request, rest)
    workspace = _workspace(shared.workspace, request)
    try:
        from modelwright.interfaces.cli import progress

        live = not shared.json and output.use_color(sys.stderr, no_color=shared.no_color)
        with output.stdout_to_stderr() as ours, progress.shown(live=live, quiet=shared.quiet) as callback:

            def announce(result: Any) -> None:
                with contextlib.redirect_stdout(ours):
                    _show(name, output.plain(result), shared)

            context = Context(workspace=workspace, actor=_actor(), progress=callback, announce=announce)
            result = output.plain(operation.perform(request, context))
        if result is not None:
            _show(name, result, shared)
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - here the workspace for the incident is known
        return _report(error, given, workspace)
    return exit_codes.of_result(result)


def _workspace(asked: str | None, request: Any) -> Path:
    """--workspace, else `.modelwright` next to the pipeline file or in the current folder."""
    if asked:
        return Path(asked).absolute()
    pipeline = getattr(request, "pipeline", None)
    base = Path(pipeline).absolute().parent if isinstance(pipeline, str) else Path.cwd()
    return base / ".modelwright"


def _actor() -> str:
    return os.environ.get("MODELWRIGHT_ACTOR") or os.environ.get("USER") or os.environ.get("USERNAME") or "local"


def _show(name: str, result: Any, shared: Any) -> None:
    if shared.json:
        output.print_json(result)
    else:
        _present(name, result, no_color=shared.no_color)


def _present(name: str, result: Any, *, no_color: bool) -> None:
    from modelwright.interfaces.cli.page import Page
    from modelwright.interfaces.cli.presenters import presenter_for

    page = Page(color=output.use_color(sys.stdout, no_color=no_color))
    presenter_for(name)(result, page)
    sys.stdout.flush()


def _report(error: BaseException, given: list[str], workspace: Path | None) -> int:
    code = exit_codes.of_error(error)
    ours: ModelwrightError = problems.as_error(error, workspace)
    try:
        if "--json" in given:
            output.print_json(problems.as_json(ours))
            if os.environ.get("MODELWRIGHT_DEBUG"):
                sys.stderr.write(problems.for_people(ours, color=False))
        else:
            color = output.use_color(sys.stderr, no_color="--no-color" in given)
            sys.stderr.write(problems.for_people(ours, color=color))
    except BrokenPipeError:
        output.silence_broken_pipe()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
