"""Snapshots of all that a model in service rests on, and the way back to one: six kinds, in order, or none of them."""
