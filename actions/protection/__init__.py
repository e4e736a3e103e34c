"""Rulesets as files: compare them with GitHub, and apply them."""
