"""What each action asks of GitHub stays within its budget of requests and points."""

from __future__ import annotations

from bench.cost import BUDGETS, measure


def test_each_action_stays_within_its_budget() -> None:
    costs = dict(measure())

    assert costs.keys() == BUDGETS.keys()
    over = {
        action: cost
        for action, cost in costs.items()
        if cost.requests > BUDGETS[action].requests or cost.points > BUDGETS[action].points
    }
    assert over == {}
