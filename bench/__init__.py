"""Measure the claims of the documentation, with one script for each."""
