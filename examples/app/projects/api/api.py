"""The smallest API worth deploying: it greets."""


def greet(name: str = "world") -> str:
    """Return the greeting for *name*."""
    return f"Hello, {name}!"
