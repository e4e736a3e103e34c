"""Write to the log of the run."""

from __future__ import annotations


def say(text: str) -> None:
    """Print *text* to the log at once; nothing in it is taken for a workflow command.

    The runner looks for `::` at the start of a line, and for `##[` anywhere in it.
    """
    for line in text.splitlines():
        harmless = line.replace("##[", "#\u200b#[")
        harmless = f"\u200b{harmless}" if harmless.lstrip().startswith("::") else harmless
        print(encodable(harmless), flush=True)  # noqa: T201 - this module is the one that prints


def encodable(text: str) -> str:
    """Return *text* without the half characters that JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
