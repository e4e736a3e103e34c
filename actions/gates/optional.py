"""The gates that are there only if `gitops.yml` asks for them: `hold`, `ticket`, `emergency`, `artifact`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actions.app.facts import NotApplicable, Unknown
from actions.app.order import Order
from actions.gates.facts import Decision, Gate, Reason, allow, moment, refuse, unknown, wait
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


def artifact(facts: Facts) -> GateResult | None:
    """Refuse an image that is not in the registry as the change has it, or was not built as it should have been."""
    found = [result for result in (_stored(facts), _attested(facts)) if result]
    return next((result for result in found if result.decision is not Decision.ALLOW), found[0] if found else None)


def _stored(facts: Facts) -> GateResult | None:
    """Judge a rollback too: what is not there cannot be deployed, and a tag may have moved since."""
    stored, change = facts.stored, facts.change
    if isinstance(stored, NotApplicable):
        return None
    if isinstance(stored, Unknown):
        return unknown(Gate.ARTIFACT, stored)
    if not stored:
        text = f"the registry has no tag {change.after} of {change.service}. Publish it, or choose another tag"
        return refuse(Gate.ARTIFACT, Reason.ARTIFACT_MISSING, text)
    if change.digest and stored != change.digest:
        text = f"in the registry, {change.after} is {stored} now, and {change.file} says {change.digest}"
        way_out = "Find out who moved the tag; to take what it is now, put its digest into the file"
        return refuse(Gate.ARTIFACT, Reason.ARTIFACT_MOVED, f"{text}. {way_out}")
    return allow(Gate.ARTIFACT, f"the registry has {short(change.after, stored)}")


def _attested(facts: Facts) -> GateResult | None:
    """Let a rollback pass that is bound by its digest: these very bytes ran in the environment before."""
    found, change = facts.unattested, facts.change
    if isinstance(found, NotApplicable):
        return None
    tag = short(change.after, change.digest)
    if change.digest and facts.is_rollback:
        return allow(Gate.ARTIFACT, f"{tag} ran in {change.env} before, with this digest")
    if isinstance(found, Unknown):
        return unknown(Gate.ARTIFACT, found)
    if not change.digest:
        text = f"{change.file} has no digest beside {change.after}, and only a digest can be attested"
        way_out = "Hand the digest of the image on when you set the tag (docs/registries.md)"
        return refuse(Gate.ARTIFACT, Reason.NOT_ATTESTED, f"{text}. {way_out}")
    if found:
        return refuse(Gate.ARTIFACT, Reason.NOT_ATTESTED, f"{tag} has no provenance that counts: {found}")
    return allow(Gate.ARTIFACT, f"{tag} was built from its commit, by the workflow that may")


def named(text: str) -> list[str]:
    """Return the words of *text* that may be tags, without the colon or full stop after one."""
    return [word.rstrip(":.") for word in WORD.findall(text)]
