"""Measured claims. Every figure is a ratio against something that runs beside it on the same machine."""
