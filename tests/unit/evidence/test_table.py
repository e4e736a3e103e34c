"""The table of changes."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.evidence.table import COLUMNS, FORMULA, evidence_table, safe
from tests.unit.evidence.records import change, moment, pull, view


@given(st.text())
def test_no_cell_is_a_formula_and_each_is_on_one_line(text: str) -> None:
    cell = safe(text)

    assert not cell.startswith(FORMULA)
    assert "\n" not in cell
    assert "\r" not in cell


def test_a_row_of_the_table_is_a_change() -> None:
    commit = {"sha": "e" * 40, "title": "=1+1", "author": "x", "at": moment(0), "verified": False, "pull": pull("=x")}

    rows = list(csv.DictReader(StringIO(evidence_table(view(change("a", 1, commit=commit), change("b", 2))))))

    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["title"], rows[0]["author"], rows[0]["merged_by"]) == ("'=x", "'=x", "'=x")
    assert (rows[1]["changes"], rows[1]["deployed_at"]) == ("api (none) -> b", "2026-01-01T02:00:00Z")
    assert rows[1]["deployed_by"] == "alice (run 5)"


def row_of(record: dict[str, Any]) -> dict[str, str]:
    shown = view(record) if record["record"] == "change" else view(others=(record,))
    return list(csv.DictReader(StringIO(evidence_table(shown))))[-1]


@pytest.mark.parametrize(
    ("kind", "at", "by"),
    [
        pytest.param("deployment", moment(3), "bob", id="a deployment"),
        pytest.param("rewrite", "", "", id="a rewrite, which deployed nothing"),
        pytest.param("gap", "", "", id="a gap"),
        pytest.param("commit", "", "", id="a commit of something else"),
    ],
)
def test_what_is_no_change_has_a_row_too(kind: str, at: str, by: str) -> None:
    exceptions = [{"exception": "direct-push", "detail": "x"}, {"exception": "unknown", "detail": "y"}]
    record = {"record": kind, "sha": "f" * 40, "environment": "prod", "at": moment(3), "by": "bob", "url": ""}

    row = row_of(record | {"exceptions": exceptions, "result": ["direct-push", "unknown: y"]})

    assert (row["kind"], row["commit"], row["environment"]) == (kind, "f" * 40, "prod")
    assert (row["deployed_at"], row["deployed_by"]) == (at, by)
    assert (row["result"], row["details"]) == ("direct-push; unknown: y", "x; y")


@pytest.mark.parametrize(
    ("given_", "column", "expected"),
    [
        pytest.param({"approved_by": "bob", "approved_at": moment(1)}, "approved_at", moment(1), id="approved"),
        pytest.param({}, "approved_at", "", id="not approved"),
        pytest.param({"later_review": {"by": "bob", "at": moment(4)}}, "later_review", f"bob {moment(4)}", id="later"),
        pytest.param({}, "later_review", "", id="not later"),
        pytest.param({"suite": {"result": "bypass"}}, "rule_evaluation", "bypass", id="a bypass"),
        pytest.param({}, "rule_evaluation", "", id="no evaluation"),
        pytest.param({}, "emergency", "no", id="no emergency"),
        pytest.param({"emergency": True}, "emergency", "yes", id="an emergency"),
        pytest.param({}, "verified", "yes", id="verified"),
        pytest.param({"deployments": []}, "deployed_at", "", id="not deployed"),
        pytest.param({}, "result", "pass", id="nothing wrong"),
        pytest.param({"exceptions": [{"exception": "unsigned", "detail": "x"}]}, "result", "unsigned", id="something"),
    ],
)
def test_a_cell_is_what_the_record_has(given_: dict[str, Any], column: str, expected: str) -> None:
    assert row_of(change("b", 2, **given_))[column] == expected


def test_a_removed_service_is_shown() -> None:
    assert row_of(change("", 2))["changes"] == "api (none) -> (none)"
