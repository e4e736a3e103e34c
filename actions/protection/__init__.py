"""Compare rulesets in files with those on GitHub, and apply them."""
