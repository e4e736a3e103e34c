"""The REST API of rulesets: those of a repository and those of its organization, their history, what they judged."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.behaviour import Refusal
from sandbox.gitrepo import BRANCH
from sandbox.rest.call import Call, found, require_grant, route
from sandbox.rules import rules_for
from sandbox.state import RulesetVersion, timestamp

if TYPE_CHECKING:
    from sandbox.rest.call import Answer
    from sandbox.state import Repo, RuleSuite, User

DEFAULTS: dict[str, Any] = {"target": "branch", "bypass_actors": [], "conditions": {}, "rules": []}
WRITABLE = ("name", "target", "enforcement", "bypass_actors", "conditions", "rules")


@dataclass(frozen=True, slots=True)
class Holder:
    """What has rulesets, a repository or an organization, as whoever calls sees it."""

    rulesets: list[dict[str, Any]]
    versions: list[RulesetVersion]
    kind: str
    name: str
    may_change: bool

    def ruleset(self, call: Call) -> dict[str, Any]:
        """Return the ruleset of the path."""
        number = call.number("ruleset_id")
        return found(next((known for known in self.rulesets if known["id"] == number), None))  # type: ignore[no-any-return]

    def shown(self, ruleset: dict[str, Any]) -> dict[str, Any]:
        """Return *ruleset* as the API has it; who may bypass it only those see who may change it."""
        hidden = () if self.may_change else ("bypass_actors",)
        kept = {name: value for name, value in ruleset.items() if name not in hidden}
        return {**kept, "source_type": self.kind, "source": self.name}

    def remember(self, call: Call, ruleset: dict[str, Any]) -> None:
        """Keep what *ruleset* is now, and whose call made it so."""
        ruleset["updated_at"] = timestamp()
        state = copy.deepcopy(ruleset)
        self.versions.append(RulesetVersion(call.state.new_id(), ruleset["id"], call.token.user, state))


def _holder(call: Call, need: str = "read") -> Holder:
    if "org" in call.path:
        owner = found(call.state.users.get(call.path["org"]))
        if call.token.user.login not in owner.owners and not call.token.is_of_app:
            raise Refusal(404, "Not Found", kind="NOT_FOUND")
        # To read them too ("REST API endpoints for rules").
        require_grant(call.token, "write", "organization_administration")
        return Holder(owner.rulesets, owner.ruleset_versions, "Organization", owner.login, may_change=True)
    repo = call.repo(need, "administration" if need == "admin" else "metadata")
    try:
        call.repo("admin", "administration")
    except Refusal as refusal:
        may_change = "archived" in str(refusal)  # guess: who may change it sees it in an archived repository too
    else:
        may_change = True
    return Holder(repo.rulesets, repo.ruleset_versions, "Repository", repo.full_name, may_change=may_change)


@route("GET /repos/{owner}/{repo}/rules/branches/{branch}")
def _branch_rules(call: Call) -> Answer:
    repo = call.repo()
    return 200, [
        {
            **rule,
            "ruleset_source_type": "Repository" if ruleset in repo.rulesets else "Organization",
            "ruleset_source": repo.full_name if ruleset in repo.rulesets else repo.owner.login,
            "ruleset_id": ruleset["id"],
        }
        for ruleset, rule in rules_for(repo, BRANCH + call.path["branch"])
    ]


@route("GET /orgs/{org}/rulesets")
@route("GET /repos/{owner}/{repo}/rulesets")
def _rulesets(call: Call) -> Answer:
    holder = _holder(call)
    listed = [holder.shown(ruleset) for ruleset in holder.rulesets]
    if holder.kind == "Repository" and call.query.get("includes_parents") != "false":
        owner = call.repo().owner
        listed += [{**ruleset, "source_type": "Organization", "source": owner.login} for ruleset in owner.rulesets]
    return 200, [
        {name: value for name, value in ruleset.items() if name not in ("rules", "bypass_actors")} for ruleset in listed
    ]


@route("GET /orgs/{org}/rulesets/{ruleset_id}")
@route("GET /repos/{owner}/{repo}/rulesets/{ruleset_id}")
def _get_ruleset(call: Call) -> Answer:
    holder = _holder(call)
    if holder.kind == "Repository" and call.query.get("includes_parents") != "false":
        owner, number = call.repo().owner, call.number("ruleset_id")
        if any(known["id"] == number for known in owner.rulesets):
            holder = _inherited(call, owner)
    return 200, holder.shown(holder.ruleset(call))


def _inherited(call: Call, owner: User) -> Holder:
    """Return the rulesets of the *owner* of a repository; who may bypass them, its owners see (OpenAPI)."""
    token = call.token
    is_owner = token.is_of_app or token.user.login in owner.owners
    may_change = is_owner and token.grants("organization_administration") in {"write", "admin"}
    return Holder(owner.rulesets, owner.ruleset_versions, "Organization", owner.login, may_change=may_change)


@route("POST /orgs/{org}/rulesets")
@route("POST /repos/{owner}/{repo}/rulesets")
def _create_ruleset(call: Call) -> Answer:
    holder = _holder(call, "admin")
    if any(known["name"] == call.body["name"] for known in holder.rulesets):
        raise Refusal(422, "Validation Failed: Name must be unique")
    ruleset = {"id": call.state.new_id(), "created_at": timestamp(), **copy.deepcopy(DEFAULTS), **_writable(call.body)}
    holder.rulesets.append(ruleset)
    holder.remember(call, ruleset)
    return 201, holder.shown(ruleset)


@route("PUT /orgs/{org}/rulesets/{ruleset_id}")
@route("PUT /repos/{owner}/{repo}/rulesets/{ruleset_id}")
def _update_ruleset(call: Call) -> Answer:
    holder = _holder(call, "admin")
    ruleset = holder.ruleset(call)
    ruleset |= _writable(call.body)
    holder.remember(call, ruleset)
    return 200, holder.shown(ruleset)


@route("DELETE /orgs/{org}/rulesets/{ruleset_id}")
@route("DELETE /repos/{owner}/{repo}/rulesets/{ruleset_id}")
def _delete_ruleset(call: Call) -> Answer:
    holder = _holder(call, "admin")
    holder.rulesets.remove(holder.ruleset(call))
    return 204, None


@route("GET /repos/{owner}/{repo}/rulesets/{ruleset_id}/history")
def _ruleset_history(call: Call) -> Answer:
    call.repo("admin", "administration")  # though it only reads ("Permissions required for GitHub Apps")
    holder = _holder(call)
    number = holder.ruleset(call)["id"]
    versions = [version for version in reversed(holder.versions) if version.ruleset == number]
    return 200, [call.payloads.ruleset_version(version) for version in versions]


@route("GET /repos/{owner}/{repo}/rulesets/{ruleset_id}/history/{version_id}")
def _ruleset_version(call: Call) -> Answer:
    call.repo("admin", "administration")
    holder = _holder(call)
    number = call.number("version_id")
    version: RulesetVersion = found(next((known for known in holder.versions if known.id == number), None))
    return 200, {**call.payloads.ruleset_version(version), "state": version.state}


@route("GET /repos/{owner}/{repo}/rulesets/rule-suites")
def _rule_suites(call: Call) -> Answer:
    repo = _audited(call)
    ref, wanted = call.query.get("ref"), call.query.get("rule_suite_result", "all")
    return 200, [
        call.payloads.rule_suite(repo, suite)
        for suite in reversed(repo.rule_suites)
        if ref in (None, suite.ref) and wanted in ("all", suite.result) and suite.at > _month_ago()
    ]


@route("GET /repos/{owner}/{repo}/rulesets/rule-suites/{rule_suite_id}")
def _rule_suite(call: Call) -> Answer:
    repo = _audited(call)
    number = call.number("rule_suite_id")
    suite: RuleSuite = found(next((suite for suite in repo.rule_suites if suite.id == number), None))
    more = {"evaluation_result": None, "rule_evaluations": suite.evaluations}
    return 200, {**call.payloads.rule_suite(repo, suite), **more}


def _audited(call: Call) -> Repo:
    """Return the repository of the path to an administrator, whose token may read its administration."""
    repo = call.repo("read", "administration")
    if repo.role(call.token.user) != "admin" and not call.token.is_of_app:
        raise Refusal(403, "Must have admin rights to Repository.", kind="FORBIDDEN")
    return repo


def _month_ago() -> str:
    """Return since when GitHub still knows what its rules said; it is asked for no longer."""
    return f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"


def _writable(body: dict[str, Any]) -> dict[str, Any]:
    return {name: copy.deepcopy(value) for name, value in body.items() if name in WRITABLE}
