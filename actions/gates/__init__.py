"""Decide whether a change may go to its environment now."""
