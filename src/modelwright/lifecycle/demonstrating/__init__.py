"""The loop shown on a real table: a drift that is written down, live traffic, stages, and their evidence."""
