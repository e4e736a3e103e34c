"""Look at two repositories as they are set up on GitHub, and say what is not as it should be."""
