"""Read the rulesets that were in force at a moment, and GitHub's rule evaluations of updates of the branch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actions.api.checks import RequiredCheck
from actions.api.patterns import ruleset_pattern
from actions.errors import AccessError
from actions.evidence.facts import Rules, Suite
from actions.evidence.timestamps import utc_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.api.client import Client

PER_PAGE = 100
EVALUATIONS = "administration: read"
# GitHub asks for write, though it is only read (github/docs, "Permissions required for GitHub Apps").
HISTORY = "administration: write"
# GitHub keeps rule evaluations for 30 days (docs.github.com, "Managing rulesets for a repository").
SUITES_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class RulesReader:
    """Read the rules of one repository for its default *branch*; answers are cached."""

    client: Client
    branch: str
    _read: dict[str, Any] = field(default_factory=dict, repr=False)

    def at(self, moment: str) -> tuple[Rules, ...]:
        """Return the rulesets that were in force for the branch at *moment*.

        Raises AccessError if one changed since and the token cannot read its history. GitHub's rule evaluation names
        rulesets that were deleted since; they are missing here.
        """
        states = (self._state_at(ruleset, moment) for ruleset in self._rulesets())
        return tuple(self._rules(since, state) for since, state in filter(None, states) if self._holds(state))

    def suites(self) -> dict[str, Mapping[str, Any]]:
        """Return the rule suites that GitHub keeps of updates of the branch, by the commit after the update."""
        path = f"/rulesets/rule-suites?ref=refs/heads/{self.branch}&time_period=month&per_page={PER_PAGE}"
        suites: list[Mapping[str, Any]] = []
        for page in self.client.pages(path, permission=EVALUATIONS):
            suites += page
        return {suite["after_sha"]: suite for suite in reversed(suites) if suite["result"] != "fail"}

    def suite(self, listed: Mapping[str, Any]) -> Suite:
        """Return a rule suite with its broken rules; one that passed needs no further request."""
        broken: tuple[str, ...] = ()
        if listed["result"] != "pass":
            suite = self.client.rest("GET", f"/rulesets/rule-suites/{listed['id']}", permission=EVALUATIONS)
            with self.client.parsing():
                broken = tuple(
                    f"{rule['rule_type']} ({rule['rule_source'].get('name') or rule['rule_source']['type']})"
                    for rule in suite.get("rule_evaluations") or []
                    if rule["result"] == "fail"
                )
        actor = listed.get("actor_name") or ""
        return Suite(id=listed["id"], result=listed["result"], actor=actor, at=listed["pushed_at"], broken=broken)

    def _rulesets(self) -> list[Mapping[str, Any]]:
        if "all" not in self._read:
            pages = self.client.pages(f"/rulesets?per_page={PER_PAGE}", permission="metadata: read")
            self._read["all"] = [
                self.client.rest("GET", f"/rulesets/{ruleset['id']}", permission="metadata: read")
                for page in pages
                for ruleset in page
            ]
        return list(self._read["all"])

    def _state_at(self, ruleset: Mapping[str, Any], moment: str) -> tuple[str, Mapping[str, Any]] | None:
        if utc_text(ruleset["updated_at"]) <= moment:
            return utc_text(ruleset["updated_at"]), ruleset
        if utc_text(ruleset["created_at"]) > moment:
            return None
        version = next((v for v in self._history(ruleset["id"]) if utc_text(v["updated_at"]) <= moment), None)
        if not version:
            raise AccessError(f"no version of ruleset '{ruleset['name']}' of {self.client.name} at {moment}")
        key = f"{ruleset['id']}/{version['version_id']}"
        if key not in self._read:
            path = f"/rulesets/{ruleset['id']}/history/{version['version_id']}"
            self._read[key] = self.client.rest("GET", path, permission=HISTORY)
        return utc_text(version["updated_at"]), {**ruleset, **self._read[key]["state"]}

    def _history(self, number: int) -> list[Mapping[str, Any]]:
        """Return the versions of a ruleset, newest first."""
        key = f"history {number}"
        if key not in self._read:
            pages = self.client.pages(f"/rulesets/{number}/history?per_page={PER_PAGE}", permission=HISTORY)
            self._read[key] = [version for page in pages for version in page]
        return list(self._read[key])

    def _holds(self, ruleset: Mapping[str, Any]) -> bool:
        names = (ruleset.get("conditions") or {}).get("ref_name") or {}
        if ruleset["enforcement"] != "active" or ruleset.get("target", "branch") != "branch":
            return False
        included = any(self._covers(pattern) for pattern in names.get("include", []))
        return included and not any(self._covers(pattern) for pattern in names.get("exclude", []))

    def _covers(self, pattern: str) -> bool:
        everywhere = pattern in ("~DEFAULT_BRANCH", "~ALL")
        return everywhere or ruleset_pattern(pattern).fullmatch(f"refs/heads/{self.branch}") is not None

    def _rules(self, since: str, ruleset: Mapping[str, Any]) -> Rules:
        content = {key: ruleset.get(key) for key in ("name", "target", "enforcement", "conditions", "rules")}
        bypass = ruleset.get("bypass_actors")
        with self.client.parsing():
            return Rules(
                id=ruleset["id"],
                name=ruleset["name"],
                source=ruleset.get("source") or self.client.name,
                since=since,
                sha256=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
                rules=tuple(sorted(rule["type"] for rule in ruleset["rules"])),
                required_checks=tuple(_required_checks(ruleset)),
                bypass=None if bypass is None else tuple(map(_bypass, bypass)),
            )


def _required_checks(ruleset: Mapping[str, Any]) -> list[RequiredCheck]:
    return [
        RequiredCheck(name=check["context"], app=check.get("integration_id"))
        for rule in ruleset["rules"]
        if rule["type"] == "required_status_checks"
        for check in rule["parameters"]["required_status_checks"]
    ]


def _bypass(entry: Mapping[str, Any]) -> str:
    return f"{entry['actor_type']} {entry.get('actor_id') or ''} ({entry['bypass_mode']})"
