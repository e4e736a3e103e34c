"""Hypothesis fails a test by what it finds, never by how long a busy machine takes."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
