"""`make sandbox`: the two example repositories on a GitHub of this machine, to play with."""

from __future__ import annotations

import signal
import sys
import threading

from sandbox.act import Run
from sandbox.server import Sandbox
from sandbox.workflows import Workflows
from sandbox.world import ROOT, World, build, publish_actions, with_environments

LOGS = ROOT / "demo-logs"
HELP = """\
A GitHub of your own is running at {url}

  app    {url}/your-org/app.git
  infra  {url}/your-org/infra.git

  olivia  administrator  {olivia}
  alice   developer      {alice}
  bob     developer      {bob}

Clone it, push a branch, open a pull request, approve it as bob, merge it as alice:

  git clone http://alice:{alice}@{address}/your-org/app.git
  curl -H 'Authorization: Bearer {alice}' {url}/api/v3/repos/your-org/app/pulls \\
       -d '{{"title": "My change", "head": "my-branch", "base": "main"}}'
  curl -H 'Authorization: Bearer {bob}' {url}/api/v3/repos/your-org/app/pulls/1/reviews -d '{{"event": "APPROVE"}}'
  curl -H 'Authorization: Bearer {alice}' {url}/api/v3/repos/your-org/app/pulls/1/merge -X PUT \\
       -d '{{"merge_method": "squash"}}'

Every push and every pull request runs its workflows; their logs are in {logs}/. Ctrl-C ends it and removes everything.
"""


def main() -> int:
    """Serve until interrupted."""
    LOGS.mkdir(exist_ok=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Sandbox.start() as sandbox:
        world = with_environments(build(sandbox))
        actions = publish_actions(sandbox.state.folder / "actions")
        with Workflows(sandbox, actions=actions, logs=LOGS, told=_tell):
            print(_help(sandbox, world), flush=True)
            ended.wait()
    print("\nended")
    return 0


def _help(sandbox: Sandbox, world: World) -> str:
    address = sandbox.url.removeprefix("http://")
    people = {login: token for login, token in world.tokens.items() if "[" not in login}
    return HELP.format(url=sandbox.url, address=address, logs=LOGS.name, **people)


def _tell(run: Run) -> None:
    state = run.conclusion or "started"
    print(f"{run.event.repo.name}: {run.name} ({run.event.name}) {state}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
