"""Which of two tags is newer, for every kind of tag and every answer about their commits."""

from __future__ import annotations

import pytest

from actions.api.comparison import Comparison
from actions.app.order import Order, order
from actions.tag_names import TagNames

A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("before", "after", "status", "expected"),
    [
        pytest.param(A, A, "diverged", Order.IDENTICAL, id="the same commit is not asked for"),
        pytest.param("1.0.0", "1.0.0", None, Order.IDENTICAL, id="the same version"),
        pytest.param(A, B, "ahead", Order.AHEAD, id="a commit that contains the other"),
        pytest.param(A, B, "behind", Order.BEHIND, id="a commit that the other contains"),
        pytest.param(A, B, "diverged", Order.DIVERGED, id="two lines"),
        pytest.param(A, B, None, Order.UNKNOWN, id="a commit that the app has not"),
        pytest.param("", B, "ahead", Order.FIRST, id="nothing in place"),
        pytest.param("latest", B, None, Order.FIRST, id="a name without a commit in place"),
        pytest.param("latest", "stable", None, Order.FIRST, id="two names without a commit"),
        pytest.param(A, "latest", None, Order.UNKNOWN, id="a name without a commit after a commit"),
        pytest.param("1.0.0", "latest", None, Order.UNKNOWN, id="a name without a commit after a version"),
        pytest.param("sha-aaaaaaa", "latest", None, Order.UNKNOWN, id="a name without a commit after a short SHA"),
        pytest.param("2024.02.01", "2024.03.01", "ahead", Order.AHEAD, id="names of git tags"),
        pytest.param("v1.10", "v1.9", "behind", Order.BEHIND, id="names of git tags, the second older"),
        pytest.param(A, "1.2.3.4", "diverged", Order.DIVERGED, id="a name of a git tag after a commit"),
        pytest.param("sha-aaaaaaa", "bbbbbbb", "ahead", Order.AHEAD, id="short SHAs"),
        pytest.param("1.0.0", B, "ahead", Order.AHEAD, id="a commit after a version"),
        pytest.param(A, "1.0.0", "behind", Order.BEHIND, id="a version after a commit"),
        pytest.param("1.0.0", "1.1.0", None, Order.AHEAD, id="a newer version, its commits unknown"),
        pytest.param("1.0.0", "1.1.0", "ahead", Order.AHEAD, id="a newer version of a newer commit"),
        pytest.param("1.0.0", "1.1.0", "identical", Order.AHEAD, id="one commit that was released twice"),
        pytest.param("1.0.0", "1.1.0", "diverged", Order.DIVERGED, id="a newer version that lacks commits"),
        pytest.param("1.0.0", "1.1.0", "behind", Order.BEHIND, id="a newer version of an older commit"),
        pytest.param("1.1.0", "1.0.0", None, Order.BEHIND, id="an older version"),
        pytest.param("1.1.0", "1.0.0", "ahead", Order.BEHIND, id="an older version of a newer commit"),
        pytest.param("1.1.0", "1.0.0", "identical", Order.BEHIND, id="an older version of the same commit"),
        pytest.param("1.4.2", "v1.4.2", None, Order.UNKNOWN, id="two names of one version"),
        pytest.param("1.4.2", "v1.4.2", "ahead", Order.AHEAD, id="two names of one version, the second newer"),
        pytest.param("1.4.2", "1.4.2+evil", "identical", Order.IDENTICAL, id="two builds of one commit"),
        pytest.param("1.4.2", "1.4.2+evil", "diverged", Order.DIVERGED, id="two builds of two lines"),
    ],
)
def test_the_order_of_two_tags(before: str, after: str, status: str | None, expected: Order) -> None:
    found = Comparison(status=status) if status else None
    asked = []

    def compare(*tags: str) -> Comparison | None:
        asked.append(tags)
        return found

    result, comparison = order(before, after, compare, TagNames())

    assert result is expected
    assert comparison is (found if asked else None)
    assert set(asked) <= {(before, after)}


def test_versions_are_compared_as_their_service_writes_them() -> None:
    names = TagNames.parse("release-{version}", "")

    assert order("release-1.9.0", "release-1.10.0", lambda *_: None, names) == (Order.AHEAD, None)
    assert order("release-1.10.0", "release-1.9.0", lambda *_: None, names) == (Order.BEHIND, None)
