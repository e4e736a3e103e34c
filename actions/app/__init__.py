"""Read what an app repository knows about a tag: its commit, release, order and checks."""
