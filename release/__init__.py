"""Releases: what a version may be, the commit that carries its dependencies, its tests, its tags.

Four programs, which .github/workflows/release.yml runs in this order: build, test, publish, discard.
"""
