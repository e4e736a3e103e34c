"""The gates that are there only if a key of `gitops.yml` asks for them: `hold: issues`, `ticket`, `emergency`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actions.app.facts import NotApplicable, Unknown
from actions.app.order import Order
from actions.gates.facts import Gate, Reason, allow, moment, refuse, unknown, wait
from actions.tags import short

if TYPE_CHECKING:
    from actions.gates.facts import Facts, GateResult

MOST_LISTED = 5
WORD = re.compile(r"[^\s,;]+")


def hold(facts: Facts) -> GateResult | None:
    """Wait while an open issue holds the environment or the service; a rollback passes."""
    holds, change = facts.holds, facts.change
    if isinstance(holds, NotApplicable) or facts.is_rollback:
        return None
    if isinstance(holds, Unknown):
        return unknown(Gate.HOLD, holds)
    if not holds:
        return allow(Gate.HOLD, f"no open issue holds {change.service} in {change.env}")
    first, others = holds[0], f" and {len(holds) - 1} more" if len(holds) > 1 else ""
    opened = f"which {first.by or 'a deleted account'} opened at {moment(first.since)}: {first.title}"
    text = f"held by issue #{first.number}{others}, {opened}. To lift the hold, close it"
    return wait(Gate.HOLD, Reason.HELD, text, None)


def overdue(facts: Facts) -> GateResult | None:
    """Wait while the review that an emergency owes is overdue; a rollback passes."""
    late, env = facts.overdue, facts.change.env
    if isinstance(late, NotApplicable) or facts.is_rollback:
        return None
    if isinstance(late, Unknown):
        return unknown(Gate.OVERDUE, late)
    if not late:
        return allow(Gate.OVERDUE, f"no review of an emergency in {env} is overdue")
    text = f"issue #{late[0].number} asks for the review of an emergency since {moment(late[0].since)}: {late[0].title}"
    return wait(Gate.OVERDUE, Reason.REVIEW_OVERDUE, f"{text}. Review it, and close the issue", None)


def comes_back(facts: Facts) -> GateResult | None:
    """Refuse a tag that was deployed here and replaced, unless the change names it: it may be the one that was bad."""
    if isinstance(facts.was_replaced, NotApplicable) or facts.is_rollback or facts.order is Order.BEHIND:
        return None  # the gate `ancestry` judges what goes back
    if isinstance(facts.was_replaced, Unknown):
        return unknown(Gate.RETURN, facts.was_replaced)
    change, tag = facts.change, short(facts.change.after)
    if not facts.was_replaced:
        return allow(Gate.RETURN, f"{tag} was not deployed to {change.env} before")
    if change.after in named(facts.trailers.allow_return):
        return allow(Gate.RETURN, f"{tag} may return to {change.env}: {facts.trailers.allow_return}")
    way_out = f"To bring it back, name it and say why in allow-return (a trailer 'Allow-return: {change.after} …')"
    text = f"{tag} was deployed to {change.env} before, and a rollback or another change replaced it. {way_out}"
    return refuse(Gate.RETURN, Reason.ROLLED_BACK, text)


def ticket(facts: Facts) -> GateResult | None:
    """Refuse a change that names no ticket and brings something that names none, a rollback too.

    The pull request of a changed setting is not judged before it is merged, and so neither is its ticket afterwards.
    """
    found, pattern, change = facts.untracked, facts.policy.ticket, facts.change
    if isinstance(found, NotApplicable) or (change.after and not change.is_new_artifact):
        return None
    if isinstance(found, Unknown):
        return unknown(Gate.TICKET, found)
    if not found:
        return allow(Gate.TICKET, f"the change, or all that it brings, names a ticket ({pattern})")
    listed = ", ".join(found[:MOST_LISTED]) + (f" and {len(found) - MOST_LISTED} more" if found[MOST_LISTED:] else "")
    text = f"no ticket is named ({pattern}): neither by the change nor by {listed}. Name it in the title or in a commit"
    return refuse(Gate.TICKET, Reason.NO_TICKET, f"{text} of the pull request")


def named(text: str) -> list[str]:
    """Return the words of *text* that may be tags, without the colon or full stop after one."""
    return [word.rstrip(":.") for word in WORD.findall(text)]
