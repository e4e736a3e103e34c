"""Write to the log of the run."""

from __future__ import annotations


def say(text: str) -> None:
    """Print *text* to the log immediately, and keep the runner from reading workflow commands in it.

    The runner recognizes `::` at the start of a line and `##[` anywhere in it.
    """
    for line in text.splitlines():
        harmless = line.replace("##[", "#\u200b#[")
        harmless = f"\u200b{harmless}" if harmless.lstrip().startswith("::") else harmless
        print(encodable(harmless), flush=True)  # noqa: T201 - this module is the one that prints


def encodable(text: str) -> str:
    """Replace lone surrogates in *text*, which JSON allows but UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")
