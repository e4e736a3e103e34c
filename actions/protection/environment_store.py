"""Read and write the environments of a repository on GitHub."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from actions.protection.environment import Environment, read_environment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from actions.api.client import Client

# "Permissions required for GitHub Apps": the permission `environments` is for secrets and variables alone.
READ = "actions: read"
WRITE = "administration: write"


@dataclass(frozen=True)
class EnvironmentStore:
    """Read and write the environments of the client's repository."""

    client: Client

    def all(self, wanted: Collection[str] | None = None) -> list[Environment]:
        """Return all environments; if some are *wanted*, by names in lower case, the others without their policies."""
        with self.client.parsing():
            return [
                self._read(answer, with_policies=wanted is None or answer["name"].casefold() in wanted)
                for page in self.client.pages("/environments?per_page=100", permission=READ)
                for answer in page["environments"]
            ]

    def put(self, wanted: Environment) -> Environment:
        """Make the environment as *wanted*, and return it as GitHub has it then.

        Surplus policies go before missing ones come, so no ref that neither state admits is admitted meanwhile.
        """
        path = f"/environments/{quote(wanted.name, safe='')}"
        policies = f"{path}/deployment-branch-policies"
        self.client.rest("PUT", path, wanted.body(), permission=WRITE)
        current = self._at(path)
        for policy in set(current.policies) - set(wanted.policies):
            gone = (HTTPStatus.NOT_FOUND,)
            self.client.rest("DELETE", f"{policies}/{policy.number}", permission=WRITE, absent=gone)
        for policy in sorted(set(wanted.policies) - set(current.policies), key=str):
            body = {"name": policy.name, "type": policy.type}
            there = (HTTPStatus.SEE_OTHER,)
            self.client.rest("POST", policies, body, permission=WRITE, absent=there)
        return self._at(path)

    def _at(self, path: str) -> Environment:
        return self._read(self.client.rest("GET", path, permission=READ), with_policies=True)

    def _read(self, answer: Mapping[str, Any], *, with_policies: bool) -> Environment:
        with self.client.parsing():
            custom = (answer.get("deployment_branch_policy") or {}).get("custom_branch_policies")
            policies = list(self._policies(answer["name"])) if custom and with_policies else []
            return read_environment(answer, policies)

    def _policies(self, name: str) -> Iterator[Mapping[str, Any]]:
        path = f"/environments/{quote(name, safe='')}/deployment-branch-policies?per_page=100"
        for page in self.client.pages(path, permission=READ):
            yield from page["branch_policies"]
