"""Mean cost per row by `evaluation.cost`; without it every mistake costs 1. Less is better; gains are negative."""

from modelwright.core.ports import Metric
from modelwright.evaluation.costs import CostMetric

PLUGIN: Metric = CostMetric()
