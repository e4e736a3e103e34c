"""The chain of records: whatever is changed in it is found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import TamperedError
from actions.evidence.chain import Chain, canonical, whole_lines

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
a_record = st.fixed_dictionaries({"record": st.sampled_from(["change", "amendment", "deployment"]), "x": json_values})
more_records = st.lists(a_record, min_size=1, max_size=5)
records = more_records.map(lambda found: [{"record": "start"}, *found])


def lines_of(found: list[dict[str, Any]]) -> list[bytes]:
    return Chain().with_records(found)[1].splitlines(keepends=True)


@given(records)
def test_what_was_written_is_read(found: list[dict[str, Any]]) -> None:
    chain, content = Chain().with_records(found)

    assert Chain.read(content) == chain
    assert [{**record, "previous": ""} for record in chain.records] == [{**record, "previous": ""} for record in found]


@given(records, st.data())
def test_any_byte_that_is_changed_is_found(found: list[dict[str, Any]], data: st.DataObject) -> None:
    """Up to the last line, by the chain itself; in the last one by who knows its SHA-256."""
    chain, content = Chain().with_records(found)
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    tampered = content[:place] + bytes([byte]) + content[place + 1 :]

    with pytest.raises(TamperedError):
        Chain.read(tampered).require(chain.head)


@given(records, st.data())
def test_any_line_that_is_removed_or_moved_is_found(found: list[dict[str, Any]], data: st.DataObject) -> None:
    lines = lines_of(found)
    head = Chain.read(b"".join(lines)).head
    without = data.draw(st.integers(0, len(lines) - 1))
    shuffled = data.draw(st.permutations(lines))

    with pytest.raises(TamperedError):
        Chain.read(b"".join(lines[:without] + lines[without + 1 :])).require(head)
    if shuffled != lines:
        with pytest.raises(TamperedError):
            Chain.read(b"".join(shuffled))


@given(records, more_records)
def test_adding_changes_nothing_of_what_is_there(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> None:
    first, content = Chain().with_records(one)

    whole, more = first.with_records(two)

    assert Chain.read(content + more) == whole
    whole.require(first.head)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), json_values, max_size=4))
def test_a_record_is_one_line_and_there_is_one_way_to_write_it(record: dict[str, Any]) -> None:
    line = canonical(record)

    assert b"\n" not in line
    assert canonical(json.loads(line)) == line


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"previous": 1}', b"\xff", b"[" * 100_000, b'{"previous":"x"}'])
def test_what_is_no_record_is_found(line: bytes) -> None:
    with pytest.raises(TamperedError, match="line 1 "):
        Chain.read(line + b"\n")


def test_a_half_line_at_the_end_goes() -> None:
    assert whole_lines(b"a\nb\nhal") == b"a\nb\n"
    assert whole_lines(b"hal") == b""
