"""What an app repository knows of a tag: its commit, its release, its order, its checks."""
