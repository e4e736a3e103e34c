"""The table of changes."""

from __future__ import annotations

import csv
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from actions.evidence.chain import Chain
from actions.evidence.ledger import Ledger
from actions.evidence.table import COLUMNS, FORMULA, safe, table
from tests.unit.evidence.records import begin, change, moment, pull


@given(st.text())
def test_no_cell_is_a_formula_and_each_is_on_one_line(text: str) -> None:
    cell = safe(text)

    assert not cell.startswith(FORMULA)
    assert "\n" not in cell
    assert "\r" not in cell


def test_a_row_of_the_table_is_a_change() -> None:
    commit = {"sha": "e" * 40, "title": "=1+1", "author": "x", "at": moment(0), "verified": False, "pull": pull("=x")}
    chain, _ = Chain().with_records([begin(), change("a", 1, commit=commit), change("b", 2)])

    rows = list(csv.DictReader(StringIO(table(Ledger.of(chain.records)))))

    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["title"], rows[0]["author"], rows[0]["merged_by"]) == ("'=x", "'=x", "'=x")
    assert (rows[1]["changes"], rows[1]["deployed_at"]) == ("api (none) -> b", "2026-01-01T02:00:00Z")
    assert rows[1]["deployed_by"] == "alice (run 5)"
