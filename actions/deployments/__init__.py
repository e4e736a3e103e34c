"""Work out what ran where and when, and what has to be deployed now."""
