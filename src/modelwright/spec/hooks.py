"""`module:function`: find a hook from the pipeline file's folder, and name its code for cache keys.

The digest covers the hook's file and every local file it imports, found by reading the import statements, so a
result is not reused after an edit of any of them.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from modelwright.core.digests import digest_file, digest_of
from modelwright.core.errors import ModelwrightError, SpecError, did_you_mean
from modelwright.spec.model import HOOK_PATTERN, Spec

#: (folder, module) -> digest of the code that is loaded
_LOADED: dict[tuple[str, str], str] = {}
_HOME: ContextVar[Path | None] = ContextVar("modelwright_hooks_home", default=None)


@contextlib.contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Within, modules of hooks that bring no folder of their own are looked up in this one."""
    token = _HOME.set(folder.absolute())
    try:
        yield
    finally:
        _HOME.reset(token)


def home() -> Path:
    """The folder of `at_home`, the current folder by default."""
    return _HOME.get() or Path.cwd()


def call(hook: str, base_dir: Path, *arguments: Any) -> Any:
    """Call the function a hook names. Raises SpecError `hook.failed`, saying where in the user's file it failed, and
    whatever `resolve` raises; errors of our own pass."""
    function = resolve(hook, base_dir)
    try:
        return function(*arguments)
    except ModelwrightError:
        raise
    except Exception as error:
        raise failed(hook, base_dir, error) from error


def failed(hook: str, base_dir: Path, error: Exception) -> SpecError:
    """One sentence for an exception out of a user's function: what it was, and in which line of their file."""
    file = _local_file(_parts(hook)[0], base_dir.absolute())
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if file and frame.filename == str(file)]
    where = f" in line {lines[-1].lineno} of {file.name}" if lines and file else ""
    return SpecError(
        f"The function '{hook}' failed{where}: {type(error).__name__}: {str(error)[:200]}",
        code="hook.failed",
        hint="correct the function; call it once in Python to see the whole traceback",
        subject=hook,
    )


def resolve(hook: str, base_dir: Path) -> Callable[..., Any]:
    """The function a hook names. Raises SpecError: `hook.shape`, `hook.not_found`, `hook.broken`,
    `hook.not_callable`."""
    module_name, function_name = _parts(hook)
    folder = base_dir.absolute()
    module = _import(hook, module_name, folder)
    found = getattr(module, function_name, None)
    if found is None:
        public = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise SpecError(
            f"The module '{module_name}' has no '{function_name}'.",
            code="hook.not_found",
            hint=did_you_mean(function_name, public) if public else f"define `def {function_name}(...)` in it",
            subject=hook,
        )
    if not callable(found):
        raise SpecError(
            f"'{hook}' is a {type(found).__name__}, not a function.",
            code="hook.not_callable",
            hint=f"name a function of the module '{module_name}'",
            subject=hook,
        )
    if _local_file(module_name, folder) is None:
        function: Callable[..., Any] = found
        return function
    return _with_path(found, folder)


def hook_digest(hook: str, base_dir: Path) -> str:
    """Name the code behind a hook: its file and the local files it imports, directly or not."""
    module_name, function_name = _parts(hook)
    folder = base_dir.absolute()
    start = _local_file(module_name, folder)
    if start is None:
        origin = _installed_file(hook, module_name, folder)
        return digest_of({"hook": hook, "file": digest_file(origin)})
    files = {str(file.relative_to(folder).as_posix()): digest_file(file) for file in _closure(start, folder)}
    return digest_of({"function": function_name, "files": files})


def hook_files(hook: str, base_dir: Path) -> dict[str, Path]:
    """The local files behind a hook, by path relative to `base_dir`; none where the module is an installed one."""
    folder = base_dir.absolute()
    start = _local_file(_parts(hook)[0], folder)
    return {} if start is None else {file.relative_to(folder).as_posix(): file for file in _closure(start, folder)}


def spec_hooks(spec: Spec, base_dir: Path) -> list[str]:
    """Every hook a spec names, in the order of the file."""
    types = spec.model.type if isinstance(spec.model.type, list) else [spec.model.type]
    named = [
        spec.data.prepare,
        spec.data.split.custom,
        spec.features.custom,
        *types,
        spec.evaluation.metric,
    ]
    found = [name for name in named if name and re.search(HOOK_PATTERN, name)]
    source = spec.data.source  # `sklearn:wine` has the same shape, so the module decides
    if re.search(HOOK_PATTERN, source) and _local_file(_parts(source)[0], base_dir.absolute()) is not None:
        found.insert(0, source)
    return found


def spec_hooks_digest(spec: Spec, base_dir: Path) -> str:
    """One digest for the code of all hooks of a spec."""
    return digest_of({hook: hook_digest(hook, base_dir) for hook in spec_hooks(spec, base_dir)})


def _parts(hook: str) -> tuple[str, str]:
    if not re.search(HOOK_PATTERN, hook):
        raise SpecError(
            f"'{hook}' is not module:function.",
            code="hook.shape",
            hint="write the module, a colon and the function, such as my_steps:prepare",
            subject=hook,
        )
    module_name, _, function_name = hook.partition(":")
    return module_name, function_name


def _local_file(module_name: str, folder: Path) -> Path | None:
    base = folder.joinpath(*module_name.split("."))
    for file in (base.with_suffix(".py") if base.name else base, base / "__init__.py"):
        if file.is_file():
            return file
    return None


def _installed_file(hook: str, module_name: str, folder: Path) -> Path:
    try:
        spec = importlib.util.find_spec(module_name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise _not_found(hook, module_name, folder)
    return Path(spec.origin)


def _not_found(hook: str, module_name: str, folder: Path) -> SpecError:
    near = [file.stem for file in sorted(folder.glob("*.py"))]
    hint = f"put {module_name.replace('.', '/')}.py next to the pipeline file, and work in its folder"
    if near:
        hint += f"; {did_you_mean(module_name, near)}"
    return SpecError(
        f"There is no module '{module_name}' for '{hook}'.", code="hook.not_found", hint=hint, subject=hook
    )


def _import(hook: str, module_name: str, folder: Path) -> Any:
    local = _local_file(module_name, folder)
    if local is None:
        _installed_file(hook, module_name, folder)
        with _guarded(hook):
            return importlib.import_module(module_name)
    code = hook_digest(f"{module_name}:_", folder)
    key = (str(folder), module_name)
    known = sys.modules.get(module_name)
    if known is not None and _LOADED.get(key) == code and getattr(known, "__file__", None) == str(local):
        return known
    for file in _closure(local, folder):
        sys.modules.pop(_module_name(file, folder), None)
    importlib.invalidate_caches()
    with _on_path(folder), _guarded(hook):
        module = importlib.import_module(module_name)
    _LOADED[key] = code
    return module


def _module_name(file: Path, folder: Path) -> str:
    parts = list(file.relative_to(folder).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@contextlib.contextmanager
def _guarded(hook: str) -> Iterator[None]:
    """Say where a hook's own code fails to import."""
    try:
        yield
    except SyntaxError as error:
        raise SpecError(
            f"The code of '{hook}' does not compile: {error.msg}.",
            code="hook.broken",
            hint="correct this line",
            subject=hook,
            file=error.filename or "",
            line=error.lineno,
            column=error.offset,
            source_line=(error.text or "").rstrip("\n"),
        ) from error
    except Exception as error:
        raise SpecError(
            f"The module of '{hook}' could not be imported: {type(error).__name__}: {error}",
            code="hook.broken",
            hint="import it once in Python and correct what it says",
            subject=hook,
        ) from error


@contextlib.contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    """The folder first on the path, and no byte code left behind: its time stamps are too coarse to notice edits."""
    before, quiet = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path[:] = before
        sys.dont_write_bytecode = quiet


def _with_path(function: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    """Keep the folder importable while the hook runs: it may import inside functions."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with _on_path(folder):
            return function(*args, **kwargs)

    return called


def _closure(start: Path, folder: Path) -> list[Path]:
    """A file and every file of the folder that it imports, directly or not, sorted."""
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        waiting += _imports(file, folder)
    return sorted(found)


def _imports(file: Path, folder: Path) -> list[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return []  # said when it is imported
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, file, folder)
            names += [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
    files = []
    for name in names:
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):  # a package's __init__ runs too
            local = _local_file(".".join(parts[:depth]), folder) if parts[0] else None
            if local is not None:
                files.append(local)
    return files


def _absolute(node: ast.ImportFrom, file: Path, folder: Path) -> str:
    if not node.level:
        return node.module or ""
    package = list(file.relative_to(folder).parent.parts)
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])
