"""What who may write the evidence cannot make it say: it is found, with and without a SHA-256 kept elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from actions.evidence.chain import Chain
from sandbox.world import GUARD
from tests.sandbox.exported import FILE, Exported

Line = dict[str, Any]
Change = Callable[[list[Line]], list[Line]]


def rewritten(lines: list[Line]) -> bytes:
    """The records, in a chain of their own."""
    return Chain().with_records([{k: v for k, v in line.items() if k != "previous"} for line in lines])[1]


@pytest.fixture
def kept(delivery: Exported) -> Exported:
    """Two exports on the branch, of which the last change was not approved."""
    delivery.without_rules()
    for approved in ("bob", ""):
        delivery.bump(delivery.release(), approved_by=approved)
        export(delivery)
    return delivery


def export(delivery: Exported, **inputs: str) -> str:
    result = delivery.export(branch="evidence", branch_token=delivery.world.tokens[GUARD], **inputs)
    assert result.exit_code == 0, result.log
    return result.outputs["head"]


def lines(delivery: Exported) -> list[Line]:
    return [json.loads(line) for line in delivery.github.infra_file(FILE, branch="evidence").splitlines()]


def put(delivery: Exported, content: bytes) -> None:
    """Commit *content* to the branch of the evidence, as who has the guard's key could."""
    git = delivery.world.infra.git
    user = delivery.sandbox.state.users[GUARD]
    head = git.head("evidence") or ""
    sha = git.commit(parents=[head], message="Evidence", author=user.person, files={FILE: content})
    git.set_ref("refs/heads/evidence", sha)


def verify(delivery: Exported, head: str = "") -> tuple[str, str]:
    result = delivery.export(branch="evidence", mode="verify", head=head)
    return result.outputs["reason"], result.log


def change_of(found: list[Line]) -> Line:
    return [line for line in found if line["record"] == "change"][-1]


def approved(found: list[Line]) -> list[Line]:
    """The last change, with an approval that it never had."""
    first, last = (line for line in found[2:] if line["record"] == "change")
    last["commit"]["pull"]["reviews"] = first["commit"]["pull"]["reviews"]
    return found


BY_SHAPE: dict[str, Change] = {
    "a second change": lambda found: [*found, change_of(found) | {"needs_review": False}],
    "an amendment of what was": lambda found: [
        *found,
        {**{key: found[-1][key] for key in ("schema", "collected")}, "record": "amendment",
         "commit": change_of(found)["commit"]["sha"], "deployments": [], "undeployed": [], "reviews": [],
         "exceptions": []},
    ],
    "junk": lambda found: [*found, {"record": "change"}],
    "another kind of record": lambda found: [*found, found[-1] | {"record": "pardon"}],
    "the case of another environment": lambda found: [*found, _elsewhere(change_of(found), "Prod")],
}  # fmt: skip
BY_CONTENT: dict[str, Change] = {
    "an approval that never was": approved,
    "a dropped tail": lambda found: found[:-2],
    "a moved start": lambda found: [found[0] | {"after": change_of(found)["commit"]["sha"]}, *found[1:]],
    "a rename": lambda found: [found[0] | {"repository": "your-org/other"}, *found[1:]],
}


def _elsewhere(change: Line, environment: str) -> Line:
    change = json.loads(json.dumps(change)) | {"environment": environment}
    change["commit"]["sha"] = "9" * 40
    return change


@pytest.mark.parametrize("how", BY_SHAPE)
def test_what_cannot_be_right_is_found_without_any_memory(kept: Exported, how: str) -> None:
    put(kept, rewritten(BY_SHAPE[how](lines(kept))))

    assert verify(kept)[0] == "tampered"
    assert kept.export(branch="evidence", branch_token=kept.world.tokens[GUARD]).outputs["reason"] == "tampered"


@pytest.mark.parametrize("how", BY_CONTENT)
def test_records_that_were_rewritten_are_found_by_the_commits_of_the_branch(kept: Exported, how: str) -> None:
    put(kept, rewritten(BY_CONTENT[how](lines(kept))))

    reason, log = verify(kept)

    assert reason == "tampered"
    assert "are not the beginning of those of today" in log


@pytest.mark.parametrize("how", BY_CONTENT)
def test_a_branch_that_was_made_anew_is_found_by_a_sha256_that_was_kept(kept: Exported, how: str) -> None:
    head = export(kept)
    content = rewritten(BY_CONTENT[how](lines(kept)))
    git = kept.world.infra.git
    tree = {FILE: content}
    person = kept.sandbox.state.users[GUARD].person
    git.set_ref("refs/heads/evidence", git.commit(parents=[], message="Evidence", author=person, files=tree))

    assert verify(kept)[0] == "verified"
    assert verify(kept, head)[0] == "tampered"


def test_records_that_are_gone_for_a_while_are_found(kept: Exported) -> None:
    whole = kept.github.infra_file(FILE, branch="evidence").encode()
    put(kept, b"")
    put(kept, whole)

    assert verify(kept)[0] == "verified"  # nothing is not the beginning of something else
    put(kept, b"x")
    put(kept, whole)

    assert verify(kept)[0] == "tampered"


def test_a_branch_that_only_grew_is_verified(kept: Exported) -> None:
    kept.bump(kept.release())
    export(kept)

    assert verify(kept)[0] == "verified"


def test_an_exception_stays_when_everything_is_fine_later(kept: Exported) -> None:
    """What the action itself adds later settles no more than what it is about."""
    before = kept.export(branch="evidence", mode="verify").json("exceptions")
    kept.person("bob").approve("your-org/infra", kept.newest.number)
    export(kept)

    after = kept.export(branch="evidence", mode="verify").json("exceptions")

    assert before == after != []
