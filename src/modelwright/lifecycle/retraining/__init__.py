"""Retraining, stage by stage: gather, screen, train, compare, promote; each stage is an event."""
