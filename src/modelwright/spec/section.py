"""What every section of pipeline.yaml is built on, apart from the sections so that each may stand in its own file."""

from __future__ import annotations

import msgspec


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One section of the file."""
