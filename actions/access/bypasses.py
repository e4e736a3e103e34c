"""Read who may bypass the rulesets of a repository, those of its organization included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.access.inventory import METADATA
from actions.protection.ruleset import read_ruleset
from actions.protection.store import NEEDS

if TYPE_CHECKING:
    from actions.api.client import Client
    from actions.protection.ruleset import Bypass

OWN = "Repository"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bypasses:
    """The *actors* that may bypass a *ruleset*; None if the token lacks the permission *needs* and cannot see them."""

    ruleset: str
    actors: tuple[Bypass, ...] | None
    needs: str


def read_bypasses(client: Client) -> list[Bypasses]:
    """Return who may bypass each ruleset of the repository of *client*; GitHub shows it to who may write the ruleset.

    An inherited ruleset has the name of its owner behind its own. That it is shown to who may write it is in OpenAPI.
    """
    with client.parsing():
        numbers = [
            int(each["id"]) for page in client.pages("/rulesets?per_page=100", permission=METADATA) for each in page
        ]
        return [_bypasses(client, number) for number in numbers]


def _bypasses(client: Client, number: int) -> Bypasses:
    answer = client.rest("GET", f"/rulesets/{number}", permission=METADATA)
    ruleset, is_own = read_ruleset(answer), answer["source_type"] == OWN
    return Bypasses(
        ruleset=ruleset.name if is_own else f"{ruleset.name} (of {answer['source']})",
        actors=ruleset.bypass,
        needs=NEEDS["repository" if is_own else "organization"][1],
    )
