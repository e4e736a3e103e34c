"""Answers of an API that means harm, of any status, type, size and depth: a value, or an error that says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.api.client import Client, query
from actions.errors import ActionError
from tests.counting import calls, peak
from tests.sandbox.hostile import Hostile

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "errors", "repository", "nameWithOwner", "message", "type", "path", "id"]), inner
        )
    ),
    max_leaves=12,
)
REPOSITORY = JSON.map(lambda value: {"data": {"repository": value}})
STATUSES = st.sampled_from([200, 201, 301, 307, 401, 403, 404, 409, 422, 429, 500, 502])


@pytest.fixture(name="hostile", scope="module")
def _hostile() -> Iterator[Hostile]:
    with Hostile().serving() as hostile:
        yield hostile


def asked(hostile: Hostile) -> list[Callable[[], object]]:
    """Return one call of each kind to *hostile*."""
    client = Client("your-org/infra", "t", {"GITHUB_API_URL": hostile.url})
    return [
        lambda: client.rest("GET", "/x", permission="contents: read"),
        lambda: client.rest("POST", "/x", {}, permission="contents: write", absent=(404,)),
        lambda: list(client.pages("/x", permission="contents: read")),
        lambda: client.graphql("{viewer {login}}", {}),
        lambda: client.repository(query(variables={}, fields="id"), {}, may_hide="id", partial="repository"),
    ]


@settings(max_examples=100)
@given(body=(JSON | REPOSITORY).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20), status=STATUSES)
def test_any_answer_is_a_value_or_an_error_of_ours(hostile: Hostile, body: bytes, status: int) -> None:
    hostile.body, hostile.status = body, status

    for ask in asked(hostile):
        with suppress(ActionError):
            ask()


@pytest.mark.parametrize("body", [b"[1]", b'{"message": 5}', b"", b"nonsense"])
def test_an_error_without_words_is_an_error_still(hostile: Hostile, body: bytes) -> None:
    hostile.body, hostile.status = body, 418

    for ask in asked(hostile):
        with pytest.raises(ActionError):
            ask()


def doubled(number: int) -> bytes:
    return ("{" + ",".join(f'"k{n}": 1, "k{n}": 2' for n in range(number)) + "}").encode()


def nested(number: int) -> bytes:
    return b'{"data": ' + b'{"repository": ' * 400 + b"[" + b"1," * number + b"1]" + b"}" * 400 + b"}"


def errors(number: int) -> bytes:
    return json.dumps({"data": None, "errors": [{"type": "X", "path": ["a"], "message": "m"}] * number}).encode()


@pytest.mark.parametrize("make", [doubled, nested, errors])
def test_the_work_and_the_memory_grow_with_the_size_of_the_answer(
    hostile: Hostile, make: Callable[[int], bytes]
) -> None:
    counts: list[tuple[int, int]] = []
    for number in (100, 500, 2000):  # the first is to import and to cache what is needed
        hostile.body, hostile.status = make(number), 200
        work = asked(hostile)[-1]
        counts.append((calls(lambda work=work: tried(work)), peak(lambda work=work: tried(work))))  # type: ignore[misc]

    assert counts[2][0] <= 6 * counts[1][0]
    assert counts[2][1] <= 8 * counts[1][1]


def tried(work: Callable[[], object]) -> None:
    with suppress(ActionError):
        work()
