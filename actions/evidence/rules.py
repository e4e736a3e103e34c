"""Read the rulesets that were in force at a moment, and GitHub's rule evaluations of updates of the branch.

The history of a ruleset would tell its earlier content. GitHub shows it only to who may change rulesets, so it is not
asked for (github/docs, "Permissions required for GitHub Apps").
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actions.api.checks import RequiredCheck
from actions.api.patterns import ruleset_pattern
from actions.evidence.facts import EvaluatedRule, Rules, Suite
from actions.evidence.timestamps import utc_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from actions.api.at_once import AtOnce
    from actions.api.client import Client

PER_PAGE = 100
EVALUATIONS = "administration: read"
# GitHub keeps rule evaluations for 30 days (docs.github.com, "Managing rulesets for a repository").
SUITES_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class RulesReader:
    """Read the rules of one repository for its default *branch*; answers are cached."""

    client: Client
    branch: str
    at_once: AtOnce
    _read: dict[str, Any] = field(default_factory=dict, repr=False)
    _suites: dict[int, Any] = field(default_factory=dict, repr=False)

    def at(self, moment: str, suite: Suite | None) -> tuple[Rules, ...]:
        """Return the rulesets that were in force for the branch at *moment*, by the *suite* of an update then.

        Of one that was changed since, only the suite tells something.
        """
        known = {rules.id: rules for rules in self._now() if rules.since <= moment}
        changed: dict[int, list[EvaluatedRule]] = {}
        for rule in suite.evaluated if suite else ():
            if rule.enforcement != "evaluate" and rule.id not in known:
                changed.setdefault(rule.id, []).append(rule)
        return (*known.values(), *(self._evaluated(rules) for rules in changed.values()))

    def assume(self, rules: Sequence[Rules]) -> None:
        """Take *rules*, which were recorded, for all that is in force for the branch now."""
        self._read["now"] = tuple(rules)

    def _now(self) -> tuple[Rules, ...]:
        """Return the rulesets that are in force for the branch now."""
        if "now" not in self._read:
            self._read["now"] = tuple(self._rules(ruleset) for ruleset in self._rulesets() if self._holds(ruleset))
        rules: tuple[Rules, ...] = self._read["now"]
        return rules

    def suites(self, wanted: Collection[str] | None) -> dict[str, Mapping[str, Any]]:
        """Return the rule suites that GitHub keeps of updates of the branch, by the commit after the update.

        None are looked for after those of the commits *wanted* are found (None: all are). An update that a rule refused
        brought nothing, whatever commit it names.
        """
        path = f"/rulesets/rule-suites?ref=refs/heads/{self.branch}&time_period=month&per_page={PER_PAGE}"
        suites: list[Mapping[str, Any]] = []
        if wanted is not None and not wanted:
            return {}
        for page in self.client.pages(path, permission=EVALUATIONS):
            suites += [suite for suite in page if suite["result"] != "fail"]
            if wanted is not None and {*wanted} <= {suite["after_sha"] for suite in suites}:
                break
        return {suite["after_sha"]: suite for suite in reversed(suites)}

    def prefetch(self, listed: Sequence[Mapping[str, Any]]) -> None:
        """Read the rule suites *listed*, several at once.

        GitHub tells what it evaluated of one suite at a time (OpenAPI, "Get a repository rule suite"): no list of it,
        and nothing of it in GraphQL.
        """
        new = [suite["id"] for suite in listed if suite["id"] not in self._suites]
        self._suites.update(zip(new, self.at_once.ask(self._suite, new), strict=True))

    def suite(self, listed: Mapping[str, Any]) -> Suite:
        """Return a rule suite with the rules that GitHub evaluated."""
        if listed["id"] not in self._suites:
            self._suites[listed["id"]] = self._suite(listed["id"])
        suite = self._suites[listed["id"]]
        with self.client.parsing():
            return Suite(
                id=listed["id"],
                result=listed["result"],
                actor=listed.get("actor_name") or "",
                at=utc_text(listed["pushed_at"]),
                evaluated=tuple(_evaluated_rule(rule) for rule in suite.get("rule_evaluations") or []),
            )

    def _suite(self, number: int) -> Any:
        return self.client.rest("GET", f"/rulesets/rule-suites/{number}", permission=EVALUATIONS)

    def _rulesets(self) -> Iterator[Mapping[str, Any]]:
        for page in self.client.pages(f"/rulesets?per_page={PER_PAGE}", permission="metadata: read"):
            for ruleset in page:
                yield self.client.rest("GET", f"/rulesets/{ruleset['id']}", permission="metadata: read")

    def _holds(self, ruleset: Mapping[str, Any]) -> bool:
        names = (ruleset.get("conditions") or {}).get("ref_name") or {}
        if ruleset["enforcement"] != "active" or ruleset.get("target", "branch") != "branch":
            return False
        included = any(self._covers(pattern) for pattern in names.get("include", []))
        return included and not any(self._covers(pattern) for pattern in names.get("exclude", []))

    def _covers(self, pattern: str) -> bool:
        everywhere = pattern in ("~DEFAULT_BRANCH", "~ALL")
        return everywhere or ruleset_pattern(pattern).fullmatch(f"refs/heads/{self.branch}") is not None

    def _rules(self, ruleset: Mapping[str, Any]) -> Rules:
        content = {key: ruleset.get(key) for key in ("name", "target", "enforcement", "conditions", "rules")}
        bypass = ruleset.get("bypass_actors")
        with self.client.parsing():
            return Rules(
                id=ruleset["id"],
                name=ruleset["name"],
                source=ruleset.get("source") or self.client.name,
                since=utc_text(ruleset["updated_at"]),
                sha256=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
                rules=tuple(sorted(rule["type"] for rule in ruleset["rules"])),
                required_checks=tuple(_required_checks(ruleset)),
                bypass=None if bypass is None else tuple(map(_bypass, bypass)),
            )

    def _evaluated(self, rules: Sequence[EvaluatedRule]) -> Rules:
        return Rules(
            id=rules[0].id,
            name=rules[0].source,
            source=self.client.name,
            since="",
            sha256="",
            rules=tuple(sorted({rule.rule for rule in rules})),
            required_checks=(),
            bypass=None,
        )


def _evaluated_rule(rule: Mapping[str, Any]) -> EvaluatedRule:
    source = rule["rule_source"]
    return EvaluatedRule(
        id=int(source.get("id") or 0),
        source=str(source.get("name") or source["type"]),
        rule=rule["rule_type"],
        enforcement=rule["enforcement"],
        result=rule["result"],
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
