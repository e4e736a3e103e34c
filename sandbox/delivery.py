"""Changes of an app and of what its environments run, as the pipeline makes them but without its workflows: at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.client import Person
from sandbox.gitrepo import BRANCH
from sandbox.state import WorkflowRun
from sandbox.world import BOT

if TYPE_CHECKING:
    from sandbox.server import Sandbox
    from sandbox.state import Repo
    from sandbox.world import World

CHECKS = {"app": "gate", "infra": "test"}


@dataclass
class Delivery:
    """Makes changes, by pull requests that somebody approves, and by whatever else one asks for."""

    sandbox: Sandbox
    world: World
    made: int = 0

    def person(self, login: str) -> Person:
        """Return somebody of the organization at work."""
        return Person(self.sandbox, login, self.world.tokens[login])

    def land(
        self, repo: Repo, files: dict[str, str | None], *, message: str = "Change", by: str = "alice",
        approved_by: str = "bob", check: str | None = "success", base: str = "main", merged_by: str = "alice",
    ) -> str:  # fmt: skip
        """Bring *files* to *base* by a pull request, and return the commit."""
        number = self.propose(repo, files, message=message, by=by, base=base)
        self.report(repo, repo.pulls[number].head_sha, check)
        if approved_by:
            self.person(approved_by).approve(repo.full_name, number)
        sha = self.person(merged_by).merge(repo.full_name, number)
        if repo is self.world.app:
            self.report(repo, sha, "success")
        return sha

    def propose(
        self, repo: Repo, files: dict[str, str | None], *, message: str, by: str = "alice", base: str = "main"
    ) -> int:
        """Open a pull request of *files*, and return its number."""
        self.made += 1
        branch = f"change-{self.made}"
        self.push(repo, branch, files, message=message, by=by, base=base)
        title = message.partition("\n")[0]
        return self.person(by).open_pull(repo.full_name, head=branch, base=base, title=title)

    def push(
        self, repo: Repo, branch: str, files: dict[str, str | None], *, message: str, by: str = "alice", base: str = ""
    ) -> str:
        """Push a commit of *files*, past no rule, and return it."""
        state = self.sandbox.state
        contents = {path: None if text is None else text.encode() for path, text in files.items()}
        head = repo.git.head(base or branch) or ""
        user = state.users[by]
        sha = repo.git.commit(parents=[head], message=message, author=user.person, files=contents)
        repo.authors[sha] = user
        if by == BOT:
            repo.verified.add(sha)  # it commits by the API, and GitHub signs that
        self.sandbox.behaviour.update_ref(repo, state.tokens[self.world.tokens[by]], BRANCH + branch, sha)
        return sha

    def report(self, repo: Repo, sha: str, conclusion: str | None) -> None:
        """Report the check that *repo* requires on a commit; none if there is no conclusion."""
        if conclusion:
            self.sandbox.state.report(repo, CHECKS[repo.name], sha, conclusion)

    def release(self, **how: Any) -> str:
        """Merge a change of the app, and return its tag."""
        return self.land(self.world.app, {f"file-{self.made}": "x"}, **how)

    def bump(self, tag: str, *, env: str = "prod", deploy: bool = True, **how: Any) -> str:
        """Bring *tag* to an environment, deploy it, and return the commit."""
        sha = self.land(self.world.infra, {f"envs/{env}.json": tagged(tag)}, **how)
        if deploy:
            self.deploy(sha, env)
        return sha

    def deploy(self, sha: str, name: str = "prod", state: str = "success") -> None:
        """Record how a run deployed a commit."""
        sandbox, infra = self.sandbox, self.world.infra
        runner = sandbox.state.users[BOT]
        run = WorkflowRun(sandbox.state.new_id(), ".github/workflows/deploy.yml", "push", runner, sha)
        infra.runs.append(run)
        deployment = sandbox.behaviour.deploy(infra, runner, sha=sha, ref="main", environment=name)
        status = sandbox.behaviour.deployed(infra, deployment, runner, state)
        status.log_url = f"{sandbox.url}/{infra.full_name}/actions/runs/{run.id}/job/1"


def tagged(tag: str, **settings: int) -> str:
    """Return an env file of one service, with *tag*."""
    return json.dumps({"api": {"tag": tag, **settings}}, indent=2) + "\n"
