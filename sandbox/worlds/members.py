"""Who is in an organization: the two Apps, the people, the teams, by what the checkouts say of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.worlds.description import BOT_MAY, GUARD_MAY, PEOPLE, AppDescription

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sandbox.state import Role
    from sandbox.worlds.checkout import Checkout
    from sandbox.worlds.protection import Protection
    from sandbox.worlds.workflow_facts import TokenStep

BOT, GUARD = "gitops-bot", "gitops-guard"
OWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
OWNER = re.compile(r"(?<!\S)@([A-Za-z0-9-]+(?:/[A-Za-z0-9._-]+)?)")


def find_apps(
    bots: Sequence[str], protections: Iterable[Protection], tokens: Sequence[TokenStep]
) -> tuple[AppDescription, AppDescription]:
    """Return the bot and the guard: the first of *bots*, and another App that may bypass a ruleset.

    The key whose tokens are for administration is the guard's; if there is no other key, one App does both.
    """
    named = [name.removesuffix("[bot]") for name in bots]
    acting = [name for each in protections for name in each.apps]
    bot = next(iter(named), "") or next((name for name in acting if name != GUARD), BOT)
    guard = next((name for name in acting if name not in {bot, *named}), GUARD)
    guards = guard_keys(tokens)
    alone = bool(tokens) and not guards and any("administration" in token.permissions for token in tokens)
    ids = {token.key in guards: token.client_id for token in reversed(tokens)}
    return (
        AppDescription(slug=bot, permissions=GUARD_MAY | BOT_MAY if alone else BOT_MAY, client_id=ids.get(False, "")),
        AppDescription(slug=guard, permissions=GUARD_MAY, client_id=ids.get(True, "")),
    )


def guard_keys(tokens: Iterable[TokenStep]) -> set[str]:
    """Return the keys by which a token for administration is made; none if that is every key there is."""
    tokens = list(tokens)
    found = {token.key for token in tokens if "administration" in token.permissions}
    return found if {token.key for token in tokens} - found else set()


def find_people(organization: str, checkouts: Iterable[Checkout], protections: Iterable[Protection]) -> dict[str, Role]:
    """Return three people, and those whom the checkouts name, who may write."""
    owners = [name for name in _owners(checkouts) if "/" not in name]
    named = [*owners, *(name for each in protections for name in each.people)]
    people: dict[str, Role] = dict.fromkeys((name for name in named if name.lower() != organization.lower()), "write")
    return people | PEOPLE


def find_teams(
    organization: str, checkouts: Iterable[Checkout], protections: Iterable[Protection], people: Mapping[str, Role]
) -> dict[str, tuple[str, ...]]:
    """Return the teams that the checkouts name; everybody is in each, for nobody else is known."""
    owners = [name.split("/") for name in _owners(checkouts) if "/" in name]
    named = [team for owner, team in owners if owner.lower() == organization.lower()]
    return dict.fromkeys([*named, *(name for each in protections for name in each.teams)], tuple(people))


def _owners(checkouts: Iterable[Checkout]) -> Iterator[str]:
    """Yield who owns code, of the first file of each checkout that GitHub looks at ("About code owners")."""
    for checkout in checkouts:
        text = next((checkout.files[path] for path in OWNERS if path in checkout.files), "")
        for line in text.splitlines():
            yield from OWNER.findall(line.partition("#")[0])
