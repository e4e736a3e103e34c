"""What each action asks of GitHub stays within its budget, and what gitops.yml does not ask for costs nothing."""

from __future__ import annotations

import pytest

from bench.cost import BUDGETS, Cost, measure
from tests.support import readme_rows

COLUMNS = ("action", "requests", "points")


@pytest.fixture(name="costs", scope="module")
def _costs() -> dict[str, Cost]:
    return dict(measure())


def test_each_action_stays_within_its_budget(costs: dict[str, Cost]) -> None:
    assert costs.keys() == BUDGETS.keys()
    over = {
        action: cost
        for action, cost in costs.items()
        if cost.requests > BUDGETS[action].requests or cost.points > BUDGETS[action].points
    }
    assert over == {}


def test_nobody_pays_for_what_gitops_yml_does_not_ask_for(costs: dict[str, Cost]) -> None:
    """The README has the costs of before there were holds, tickets, emergencies and answers to exceptions."""
    rows = [row for row in readme_rows(".", "Measured") if len(row) == len(COLUMNS) and row[1].isdecimal()]
    said = {f"action-{name.partition(',')[0]}": Cost(int(requests), int(points)) for name, requests, points in rows}

    assert said == costs
