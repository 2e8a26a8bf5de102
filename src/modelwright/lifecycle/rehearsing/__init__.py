"""Rollouts on a laptop: a prediction log goes through the same state machine, with faults on purpose."""
