"""`make demo`: the whole pipeline on a laptop, through real workflows, without a GitHub account."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from typing import TYPE_CHECKING

from sandbox.client import ApiError
from sandbox.server import Sandbox
from sandbox.story import APP, DEPLOYS, INFRA, Narrator, Stage, StoryError, require
from sandbox.workflows import Workflows
from sandbox.world import BOT, ENVIRONMENTS, ROOT, build, examples_with_holds, publish_actions, with_environments

if TYPE_CHECKING:
    from sandbox.act import Run
    from sandbox.state import Repo

LOGS = ROOT / "demo-logs"
EVIDENCE = ("evidence.jsonl", "evidence.csv", "evidence.html")
# What is found of the change that the bot merged past its review.
PROVOKED = [{"not-approved", "bypass-without-reason", "change-without-deployment", "check-missing"}]
API, TEST = "projects/api/api.py", "projects/api/test_api.py"


def main() -> int:
    """Tell the story; return 0 if every step did what it should."""
    try:
        with Sandbox.start() as sandbox:
            perform(sandbox, Narrator())
    except (StoryError, ApiError, TimeoutError) as error:
        print(f"\n\033[31mThe demo went wrong: {error}\033[0m\nThe logs of the workflows are in {LOGS.name}/")
        return 1
    print(f"\nThe logs of the workflows are in {LOGS.name}/. Nothing of this touched github.com.")
    print("For repositories of your own, run make new; README.md says what it asks for.")
    return 0


def perform(sandbox: Sandbox, narrator: Narrator) -> None:
    """Have *narrator* tell the story on an empty *sandbox*; raise StoryError where it goes wrong."""
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir()
    world = with_environments(build(sandbox, examples_with_holds(sandbox.state.folder / "examples")))
    actions = publish_actions(sandbox.state.folder / "actions")
    with Workflows(sandbox, actions=actions, logs=LOGS, told=narrator.tell_run) as workflows:
        _tell(Stage(narrator, sandbox, world, workflows))
    require(not sandbox.violations, "\n".join(sandbox.violations))


def _tell(stage: Stage) -> None:
    start = stage.running()["prod"]
    first = _publish(stage)
    _promote(stage, first, [("dev", "staging"), ("staging", "prod")])
    _roll_back(stage, start)
    fixed = _hotfix(stage, start)
    second = _bring_to_main(stage, fixed)
    numbers = _refuse(stage, first, second)
    _hold(stage, second)
    _try_alone(stage, numbers["not-promoted"])
    _protect(stage)
    _show(stage, fixed)
    _prove(stage)


def _publish(stage: Stage) -> str:
    narrator = stage.narrator
    narrator.chapter("A change is proposed, tested and reviewed")
    app = ROOT / "examples" / "app"
    files = {
        API: (app / API).read_text(encoding="utf-8").replace('"world"', '"everybody"'),
        TEST: (app / TEST).read_text(encoding="utf-8").replace("Hello, world!", "Hello, everybody!"),
    }
    number = stage.propose("alice", APP, "greet-everybody", files, "Greet everybody, not the world")
    stage.settle()
    narrator.tell("github", f"does not merge it yet: {stage.refused('alice', APP, number)}")

    narrator.chapter("It is merged, published, and deployed to dev")
    sha = stage.land(APP, number)
    pull = stage.newest_pull()
    require(pull.merged_by and pull.merged_by.login == BOT, f"{INFRA}#{pull.number} was not merged by the bot")
    require(pull.merge_sha in stage.world.infra.verified, f"{pull.merge_sha} is not signed")
    narrator.tell(BOT, f"opened and merged {INFRA}#{pull.number}: {pull.title}")
    _require_deployed(stage, ["dev"])
    return sha


def _promote(stage: Stage, tag: str, steps: list[tuple[str, str]]) -> None:
    stage.narrator.chapter(f"It is promoted to {' and then to '.join(target for _, target in steps)}")
    for source, target in steps:
        said = f"starts Change: promote {source} to {target}"
        stage.dispatch(INFRA, "change.yml", said, {"what": "promote", "from": source, "env": target})
        _land_newest(stage, f"Promote {source} to {target}: api to {tag[:12]}")
        _require_deployed(stage, [target])


def _roll_back(stage: Stage, start: str) -> None:
    stage.narrator.chapter("It is bad: prod is rolled back")
    reason = "customers are greeted by the wrong name"
    inputs = {"what": "roll back", "env": "prod", "reason": reason}
    stage.dispatch(INFRA, "change.yml", "starts Change: roll back prod to what ran before", inputs)
    _land_newest(stage, f"Roll back prod: api to {start[:12]}")
    require(f"Reason: {reason}" in stage.world.infra.git.get(_head(stage)).message, "the commit does not say why")
    _require_deployed(stage, ["prod"])
    (issue,) = stage.world.infra.issues.values()
    require(issue.labels == ["hold:prod/api"], f"the issue of the rollback has the labels {issue.labels}")
    stage.narrator.tell(BOT, f"opened {INFRA}#{issue.number}, which holds prod: {issue.title}")


def _lift(stage: Stage) -> None:
    """Have the newest pull request wait for the issue that the rollback opened, until somebody closes it."""
    narrator, number, (issue,) = stage.narrator, stage.newest_pull().number, stage.world.infra.issues.values()
    judged = [run for run in stage.workflows.runs if run.name == "Gates"][-1]
    said = _verdicts([judged])[number]
    require("held" in said, f"{INFRA}#{number} was judged as {said}")
    narrator.tell("gates", f"{INFRA}#{number}  held: {said['held']}")
    stage.person("bob").api("PATCH", f"/repos/{INFRA}/issues/{issue.number}", {"state": "closed"})
    narrator.tell("bob", f"closes {INFRA}#{issue.number}, and has the gates judge again")
    stage.person("bob").api("POST", f"/repos/{INFRA}/actions/runs/{judged.number}/rerun")
    stage.settle()


def _hotfix(stage: Stage, start: str) -> str:
    narrator = stage.narrator
    narrator.chapter("What prod runs needs a fix that cannot wait for main")
    inputs = {"from-env": "prod", "branch-name": "greeting"}
    stage.dispatch(APP, "hotfix.yml", "starts Hotfix: from what prod runs", inputs)
    require(stage.world.app.git.head("hotfixes/greeting") == start, "the hotfix branch is not where prod is")
    narrator.tell(BOT, f"created hotfixes/greeting at {start[:12]}; nothing was published again")
    text = (ROOT / "examples" / "app" / API).read_text(encoding="utf-8") + "\n# An urgent fix.\n"
    number = stage.propose("alice", APP, "fix", {API: text}, "Fix the greeting", base="hotfixes/greeting")
    stage.settle()
    before = len(stage.world.infra.pulls)
    fixed = stage.land(APP, number)
    require(len(stage.world.infra.pulls) == before, "a hotfix opened an infra pull request by itself")
    narrator.tell("publish", f"published {fixed[:12]}; where it goes is for people to say")
    inputs = {"what": "set a tag", "env": "prod", "tag": fixed}
    stage.dispatch(INFRA, "change.yml", f"starts Change: set prod to {fixed[:12]}", inputs, good=False)
    _lift(stage)
    _land_newest(stage, f"Update prod: api to {fixed[:12]}")
    _require_deployed(stage, ["prod"])
    return fixed


def _bring_to_main(stage: Stage, fixed: str) -> str:
    stage.narrator.chapter("The fix is brought to main, so that nothing undoes it")
    text = _file(stage.world.app, API) + "\n# An urgent fix.\n"
    title = f"Fix the greeting on main\n\n(cherry picked from commit {fixed})"
    number = stage.propose("alice", APP, "fix-on-main", {API: text}, title)
    stage.settle()
    second = stage.land(APP, number)
    _require_deployed(stage, ["dev"])
    _promote(stage, second, [("dev", "staging")])
    return second


def _refuse(stage: Stage, first: str, second: str) -> dict[str, int]:
    """Have every gate refuse something; return the pull requests that it refuses, by why."""
    narrator = stage.narrator
    narrator.chapter("The rules for prod become stricter, by a pull request as any other")
    text = _file(stage.world.infra, "gitops.yml")
    strict = "prod: {after: staging, soak: 24h, freeze: ['2000-01-01 00:00 - 2100-01-01 00:00 UTC']}"
    number = stage.propose("alice", INFRA, "strict", {"gitops.yml": re.sub(r"prod: .*", strict, text)}, "Let prod soak")
    stage.settle()
    stage.land(INFRA, number)

    narrator.chapter("Two changes are merged that are fine apart and broken together")
    third, broken = _break(stage)

    narrator.chapter("What the gates do not let through")
    unreviewed = _unreviewed(stage)
    attempts = {
        "invalid-env-file": ("alice", "A file that nobody can read", {"envs/dev.json": '{"api": {"tag": }}'}),
        "not-released": ("alice", "A commit that nobody reviewed", _tagged(stage, "dev", unreviewed)),
        "checks-failed": ("alice", "A commit whose tests fail", _tagged(stage, "dev", broken)),
        "not-promoted": ("alice", "What never ran in staging", _tagged(stage, "prod", third)),
        "soaking frozen": ("alice", "What has to soak, in a freeze", _tagged(stage, "prod", second)),
        "diverged": ("alice", "What would undo the hotfix", _tagged(stage, "prod", first)),
        "backwards": ("alice", "A step back without a reason", _tagged(stage, "dev", first)),
        "foreign-files": (BOT, "More than tags, by the bot", {"Makefile": "deploy:\n\tcurl evil\n"}),
    }
    numbers = {
        reason: stage.propose(login, INFRA, reason.replace(" ", "-"), files, title)
        for reason, (login, title, files) in attempts.items()
    }
    verdicts = _verdicts(stage.settle(good=False))
    for reasons, number in numbers.items():
        said = verdicts[number]
        require(said.keys() >= set(reasons.split()), f"{INFRA}#{number} was refused as {said}, not as {reasons}")
        for reason in reasons.split():
            narrator.tell("gates", f"{INFRA}#{number}  {reason}: {said[reason].partition(';')[0]}")
        require("gates" in stage.refused("alice", INFRA, number), f"{INFRA}#{number} can be merged")
    return numbers


def _break(stage: Stage) -> tuple[str, str]:
    """Return the commits of two changes, of which the second passes its tests on its branch and fails them on main."""
    test = _file(stage.world.app, TEST)
    renamed = {
        API: _file(stage.world.app, API).replace("def greet", "def welcome"),
        TEST: test.replace("greet(", "welcome(").replace("import greet", "import welcome"),
    }
    extra = {"projects/api/test_more.py": test.replace("class ", "class More")}
    one = stage.propose("alice", APP, "rename", renamed, "Rename greet to welcome")
    two = stage.propose("alice", APP, "more-tests", extra, "Test greet more")
    stage.settle()
    third = stage.land(APP, one)
    stage.person("bob").approve(APP, two)
    broken = stage.person("alice").merge(APP, two)
    runs = stage.settle(good=False)
    require(any(run.jobs.get("api / api") == "failure" for run in runs), "the tests of main do not fail")
    stage.narrator.tell("github", f"main is red at {broken[:12]}; dev was not touched")
    return third, broken


def _unreviewed(stage: Stage) -> str:
    alice, clone = stage.person("alice"), stage.clones["alice", APP]
    alice.git("switch", "-q", "--detach", "origin/main", at=clone)
    return alice.push_change(clone, "unreviewed", {"README.md": "x\n"}, "Nobody has seen this")


def _verdicts(runs: list[Run]) -> dict[int, dict[str, str]]:
    """Return, for each pull request, why gates are shut: reason and message."""
    verdicts = {}
    for run in runs:
        if run.name == "Gates":
            said = json.loads(run.outputs["gates.gates.gates"])
            errors = [line.rpartition("::")[2] for line in run.lines if "::error" in line]
            first = {run.outputs["gates.gates.reason"]: errors[0] if errors else ""}
            found = {entry["reason"]: entry["message"] for entry in said if entry["reason"]}
            verdicts[run.event.payload["number"]] = first | found
    return verdicts


def _hold(stage: Stage, second: str) -> None:
    narrator = stage.narrator
    narrator.chapter("The bot merges a change of prod past the review, as its right to bypass lets it")
    inputs = {"what": "promote", "from": "staging", "env": "prod"}
    stage.dispatch(INFRA, "change.yml", "starts Change: promote staging to prod", inputs, good=False)
    pull = stage.newest_pull()
    stage.person(BOT).merge(INFRA, pull.number)
    narrator.tell(BOT, f"merges {INFRA}#{pull.number}, which nobody approved")
    (run,) = stage.settle()
    held = {entry["reason"] for entry in json.loads(run.outputs["plan.matrix.held"])}
    require({"review-required", "soaking", "frozen"} <= held, f"held was {held}")
    require(
        stage.running()["prod"] == second and run.outputs["plan.matrix.has-changes"] == "false", "prod was deployed"
    )
    narrator.tell("plan", f"holds prod back: {', '.join(sorted(held))}")


THIEF = """name: Thief
on: push
permissions: {}
jobs:
  thief:
    runs-on: ubuntu-24.04
    environment: gitops-bot
    steps:
      - env: {KEY: "${{ secrets.GITOPS_BOT_KEY }}"}
        run: test -n "$KEY"
"""


def _try_alone(stage: Stage, number: int) -> None:
    """Have one developer try to get past everybody else: for the key, by a record of her own, by an old run."""
    narrator, alice, infra = stage.narrator, stage.person("alice"), stage.world.infra
    narrator.chapter("What one developer tries alone")
    clone = stage.clones["alice", INFRA]
    alice.git("switch", "-q", "--detach", "origin/main", at=clone)
    alice.push_change(clone, "thief", {".github/workflows/thief.yml": THIEF}, "Tidy up")
    narrator.tell("alice", "pushes a branch with a workflow that reads the bot's key")
    (run,) = stage.settle(good=False)
    refused = [line for line in run.lines if "not allowed to deploy" in line]
    require(run.jobs == {"thief": "failure"} and refused, "a branch reads the bot's key")
    narrator.tell("github", refused[0])

    record = {"ref": infra.pulls[number].head, "environment": "staging", "auto_merge": False, "required_contexts": []}
    made = alice.api("POST", f"/repos/{INFRA}/deployments", record)["id"]
    alice.api("POST", f"/repos/{INFRA}/deployments/{made}/statuses", {"state": "success"})
    alice.api("POST", f"/repos/{INFRA}/issues/{number}/labels", {"labels": ["ran in staging"]})
    narrator.tell("alice", f"records that {INFRA}#{number} ran in staging, and has it judged again")
    said = _verdicts(stage.settle(good=False))[number]
    require("not-promoted" in said, f"{INFRA}#{number} was judged as {said}")
    narrator.tell("gates", f"{INFRA}#{number}  not-promoted: {said['not-promoted']}")

    old = next(run for run in stage.workflows.runs if (run.name, run.event.name) == ("Deploy", "push"))
    alice.api("POST", f"/repos/{INFRA}/actions/runs/{old.number}/rerun")
    narrator.tell("alice", f"runs the first deployment of {INFRA} again")
    (again,) = stage.settle()
    reason = again.outputs["plan.matrix.reason"]
    require((reason, again.outputs["plan.matrix.has-changes"]) == ("superseded", "false"), f"the plan was {reason}")
    narrator.tell("plan", "deploys nothing: the branch says something else by now")


def _protect(stage: Stage) -> None:
    """Have the rulesets stop three attempts, and the daily check find that somebody took them away."""
    narrator = stage.narrator
    narrator.chapter("What the rulesets do not let through")
    alice, clone = stage.person("alice"), stage.clones["alice", APP]
    for said, ref in (
        ("pushes what nobody has seen to main", "+unreviewed:main"),
        ("deletes main", ":main"),
        ("makes a hotfix branch by hand", "unreviewed:refs/heads/hotfixes/mine"),
    ):
        try:
            alice.git("push", "-q", "origin", ref, at=clone)
        except ApiError as refusal:
            broken = re.findall(r"(?:Cannot|Changes must) [a-z -]+", refusal.message)
            require(broken, f"alice {said}, and it failed otherwise: {refusal.message}")
            narrator.tell("alice", f"{said}, and is refused: {'; '.join(each.strip() for each in broken)}")
            continue
        raise StoryError(f"alice {said}")

    narrator.chapter("An administrator takes the rules of infra away; the daily check finds it")
    ruleset = stage.world.infra.ruleset("main")["id"]
    stage.person("olivia").api("PUT", f"/repos/{INFRA}/rulesets/{ruleset}", {"enforcement": "disabled"})
    narrator.tell("olivia", "disables the ruleset main of your-org/infra")
    stage.dispatch(INFRA, "protect.yml", "starts Protect: check", {"mode": "check"}, good=False)
    (found,) = [line for line in stage.workflows.runs[-1].lines if "::error" in line and "ruleset 'main'" in line]
    narrator.tell("sync", found.rpartition("::")[2])
    stage.dispatch(INFRA, "protect.yml", "starts Protect: apply", {"mode": "apply"})
    require(stage.world.infra.ruleset("main")["enforcement"] == "active", "the rules are not back")
    narrator.tell("sync", "put the rules back")


def _show(stage: Stage, fixed: str) -> None:
    stage.narrator.chapter("What runs where, by GitHub's deployment records")
    records = stage.world.infra.deployments
    for env in ENVIRONMENTS:
        last = [d for d in records if d.environment == env and any(s.state == "success" for s in d.statuses)][-1]
        found = stage.world.infra.git.file(last.sha, f"envs/{env}.json")
        tag = json.loads(found[1])["api"]["tag"] if found else ""
        print(f"  {env:<8} api  {tag[:12]}")
        require(env != "prod" or tag == fixed, f"prod runs {tag}")


def _prove(stage: Stage) -> None:
    """Export the evidence of prod: all that was done by the rules passes, and what was done past them is found."""
    narrator = stage.narrator
    narrator.chapter("An auditor asks who wrote, approved, merged and deployed each change of prod")
    stage.dispatch(INFRA, "evidence.yml", "starts Evidence", {})
    git = stage.world.infra.git
    files = {name: git.file(git.head("evidence") or "", f"evidence/{name}") for name in EVIDENCE}
    require(all(files.values()), "the branch evidence does not hold the evidence")
    folder = LOGS / "evidence"
    folder.mkdir()
    for name, found in files.items():
        (folder / name).write_bytes(found[1] if found else b"")
    rows = list(csv.DictReader((folder / EVIDENCE[1]).read_text(encoding="utf-8").splitlines()))
    for row in rows:
        name = row["commit"][:12] or row["kind"]
        narrator.tell("evidence", f"{name}  {row['title'] if row['commit'] else row['details']}: {row['result']}")
    failed = [row for row in rows if row["result"] != "pass"]
    require([set(row["result"].split("; ")) for row in failed] == PROVOKED, "the exceptions are not those it provoked")
    require(failed[0]["merged_by"] == BOT.removesuffix("[bot]"), "the wrong change has the exceptions")
    print(f"\n  The report for the auditor: {(folder / EVIDENCE[2]).relative_to(ROOT)}")


def _file(repo: Repo, path: str) -> str:
    found = repo.git.file(repo.git.head("main") or "", path)
    return found[1].decode() if found else ""


def _tagged(stage: Stage, env: str, tag: str) -> dict[str, str]:
    """Return the file of *env* with *tag* in it."""
    path = f"envs/{env}.json"
    return {path: _file(stage.world.infra, path).replace(stage.running()[env], tag)}


def _land_newest(stage: Stage, title: str) -> None:
    pull = stage.newest_pull()
    require(pull.title == title and pull.author.login == BOT, f"the newest pull request is {pull.title!r}")
    stage.narrator.tell(BOT, f"opened {INFRA}#{pull.number}: {pull.title}")
    stage.land(INFRA, pull.number)


def _head(stage: Stage) -> str:
    return stage.world.infra.git.head("main") or ""


def _require_deployed(stage: Stage, envs: list[str]) -> None:
    """Require that what was deployed last is *envs*, and nothing else since the step before."""
    lines = [line for run in stage.workflows.runs for line in run.lines if line.startswith(DEPLOYS)]
    found = [line.split()[3] for line in lines[-len(envs) :]]
    require(found == envs, f"not {', '.join(envs)} but {', '.join(found)} was deployed")


if __name__ == "__main__":
    sys.exit(main())
