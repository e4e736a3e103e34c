"""Start an action: find or install its dependencies, then run its entrypoint."""
