"""Build, test and publish releases: the version, the commit with its dependencies, the tags.

.github/workflows/release.yml runs four programs in this order: build, selftest, publish, discard.
"""
