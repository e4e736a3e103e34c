from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.api.batches import in_batches
from actions.errors import QueryTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def up_to(most: int, asked: list[int]) -> Callable[[Sequence[int]], list[int]]:
    """Return a GitHub that gives up on more than *most* at once."""

    def ask(batch: Sequence[int]) -> list[int]:
        asked.append(len(batch))
        if len(batch) > most:
            raise QueryTooLargeError("RESOURCE_LIMITS_EXCEEDED")
        return list(batch)

    return ask


@given(st.lists(st.integers()), st.integers(1, 9), st.integers(1, 9))
def test_every_item_is_asked_for_once_and_in_order(items: list[int], size: int, most: int) -> None:
    asked: list[int] = []

    answers = [result for _, result in in_batches(items, size, up_to(most, asked))]

    assert [item for answer in answers for item in answer] == items
    assert all(asked)
    assert max(asked, default=0) <= size


def test_a_batch_is_halved_until_github_can_answer_it() -> None:
    asked: list[int] = []

    list(in_batches(range(8), 8, up_to(3, asked)))

    assert asked == [8, 4, 2, 2, 4, 2, 2]


def test_one_item_that_is_too_much_is_an_error() -> None:
    with pytest.raises(QueryTooLargeError):
        list(in_batches([1, 2], 2, up_to(0, [])))
