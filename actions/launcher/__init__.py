"""Start an action: find its dependencies, run its entrypoint."""
