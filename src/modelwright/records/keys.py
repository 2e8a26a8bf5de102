"""The key that turns what names a person into a hash: one per workspace, readable by its owner only."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from modelwright.core.errors import StateError

NAME = "redaction.key"
_BYTES = 32


def load_key(log: Path, *, create: bool = True) -> bytes:
    """The key of the log in this folder, made on first use. Raises StateError (`log.key`) where it is not one of
    ours, where others may read it, or where there is none and none is to be made."""
    path = log / NAME
    if create and not path.exists():
        log.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as handle:
            handle.write(secrets.token_bytes(_BYTES))
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(fresh, path)  # of two processes that make one, the first wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    try:
        mode, key = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise _problem(f"cannot be read: {error.strerror}", "restore it from a copy of the workspace") from error
    if mode & 0o077:
        raise _problem("can be read by others", f"chmod 600 {path}")
    if len(key) != _BYTES:
        raise _problem("is damaged", "restore it from a copy of the workspace")
    return key


def _problem(what: str, hint: str) -> StateError:
    return StateError(
        f"The key that hashes personal data in the prediction log {what}.",
        code="log.key",
        hint=hint,
        subject="log:predictions",
    )


def subject_hash(value: object, key: bytes, before: str = "") -> str:
    """A value's name in the log: BLAKE2b with the workspace's key, 128 bits. Whole numbers are the same with and
    without a point, so that the type of a column does not decide whom a value names."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return hashlib.blake2b(f"{before}{value}".encode(), key=key, digest_size=16).hexdigest()
