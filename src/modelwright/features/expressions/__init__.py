"""A small safe language for derived columns: `parse` a text against the known columns, get an `Expression`."""

from modelwright.features.expressions.expression import Expression, parse

__all__ = ["Expression", "parse"]
