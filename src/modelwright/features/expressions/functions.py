"""All operators and functions of the language, by name."""

from modelwright.features.expressions.arithmetic import ARITHMETIC, ONE, SEVERAL
from modelwright.features.expressions.logic import CHOICES, COMPARISONS, LOGIC
from modelwright.features.expressions.words import DATES, TEXT

OPERATORS = {function.name: function for function in [*ARITHMETIC, *COMPARISONS, *LOGIC, CHOICES[0]]}
FUNCTIONS = {function.name: function for function in [*ONE, *SEVERAL, *CHOICES[1:], *TEXT, *DATES]}
