"""Ask in batches, and in smaller ones where GitHub says that a query asks for too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from actions.errors import QueryTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Item = TypeVar("Item")
    Result = TypeVar("Result")


def in_batches(
    items: Sequence[Item], size: int, ask: Callable[[Sequence[Item]], Result]
) -> Iterator[tuple[Sequence[Item], Result]]:
    """Yield *items*, at most *size* at once, and what *ask* returns for them.

    A batch that GitHub gives up on is halved (RESOURCE_LIMITS_EXCEEDED; yoshi389111/github-profile-3d-contrib#163).
    """
    pending = [items[start : start + size] for start in range(0, len(items), size)]
    while pending:
        batch = pending.pop(0)
        try:
            result = ask(batch)
        except QueryTooLargeError:
            if len(batch) == 1:
                raise
            half = len(batch) // 2
            pending[:0] = [batch[:half], batch[half:]]
        else:
            yield batch, result
