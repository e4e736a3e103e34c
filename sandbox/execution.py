"""One run of a workflow being carried out: act runs its jobs, which become check runs and deployments."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import checkout_action
from sandbox.act import Run, act_arguments, act_environment, write_secrets
from sandbox.state import ACTIONS_APP, CheckRun, Deployment, Event, User, WorkflowRun, timestamp
from sandbox.workflow_file import WAITS, Preparation, Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sandbox.server import Sandbox
    from sandbox.shelf import Shelf


class Execution:
    """One run being carried out."""

    def __init__(
        self,
        sandbox: Sandbox,
        run: Run,
        record: WorkflowRun,
        workflow: dict[str, Any],
        shelf: Shelf,
        home: Path,
        processes: set[subprocess.Popen[str]],
    ) -> None:
        self.sandbox = sandbox
        self.run = run
        self.record = record
        self.workflow = workflow
        self.shelf = shelf
        self.used: dict[str, Path] = {}
        self.home = home
        self.processes = processes
        self.repo = run.event.repo
        self.folder = sandbox.state.folder / "runs" / f"{run.number}-{run.attempt}"
        self.checks: dict[str, CheckRun] = {}
        self.deployments: dict[str, Deployment] = {}
        self.sha = head_commit(run.event)
        self.refused: dict[str, str] = {}
        self.heard: Callable[[], None] = lambda: None
        self.waits: Callable[[], None] = lambda: None

    def carry_out(self) -> None:
        token = self._run_token()
        checkout = self._checkout(token)
        event_file = self.folder / "event.json"
        event_file.write_text(json.dumps(self.run.event.payload), encoding="utf-8")
        prepared = self._prepared(checkout)
        self.refused = prepared.refused
        workflow_file = self.folder / Path(self.run.path).name
        workflow_file.write_text(prepared.text, encoding="utf-8")
        secrets = write_secrets(self.folder, {**prepared.secrets, "GITHUB_TOKEN": token})
        with subprocess.Popen(
            [
                *act_arguments(self.sandbox, self.run, event_file, secrets, self.used),
                *("-W", str(workflow_file), "-C", str(checkout)),
            ],
            env=act_environment(self.home, self.sandbox.state.folder / "programs"),
            cwd=self.folder,  # where no .env, .secrets or .actrc of somebody's is
            stdin=subprocess.DEVNULL,
            process_group=self.sandbox.state.process_group,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        ) as process:
            self.run.process = process
            self.processes.add(process)
            with self.run.log.open("w", encoding="utf-8") as log:
                for line in process.stdout or ():
                    if '"job"' in line:  # act has read them: the first job speaks
                        secrets.unlink(missing_ok=True)
                    self._hear(line, log.write)
                    self.heard()
            failed = process.wait() != 0
        self.processes.discard(process)
        self._finish(failed=failed)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _checkout(self, token: str) -> Path:
        """Return a checkout as actions/checkout makes it by default: the one commit, without its history.

        With *token* in the settings of git, unless a step says `persist-credentials: false`.
        """
        folder = self.folder / "checkout"
        folder.mkdir(parents=True)
        for arguments in (
            ("init", "-q"),
            ("remote", "add", "origin", str(self.repo.git.path)),
            ("fetch", "-q", "--depth", "1", "origin", self.run.event.sha),
            ("checkout", "-q", "-B", self.run.event.ref.removeprefix("refs/heads/"), "FETCH_HEAD"),
            ("remote", "set-url", "origin", f"{self.sandbox.url}/{self.repo.full_name}.git"),
        ):
            subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
        if _persists_credentials(self.workflow):
            basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            with (folder / ".git" / "config").open("a", encoding="utf-8") as config:
                config.write(f'[http "{self.sandbox.url}/"]\n\textraheader = AUTHORIZATION: basic {basic}\n')
        return folder

    def _prepared(self, checkout: Path) -> Prepared:
        """Return the workflow as act is given it; what it calls act reads in *checkout*."""
        _, content = self.repo.git.file(self.run.event.sha, self.run.path) or (0, b"")
        runs = f"{self.sandbox.url}/api/v3/repos/{self.repo.full_name}/actions/runs"
        preparation = Preparation(
            repo=self.repo,
            ref=self.run.event.ref,
            approvals=f"{runs}/{self.run.number}/approvals",
            token=self._run_token,
            defaults=self.shelf.token_inputs,
            there=self._is_there,
        )
        prepared = preparation.prepare(content)
        for path in (checkout / Path(self.run.path).parent).glob("*.y*ml"):
            if "workflow_call" in (text := path.read_text(encoding="utf-8")):
                called = preparation.prepare(text.encode(), called=True)
                self._replace(path, called.text)
                prepared.secrets.update(called.secrets)
        for name in self.repo.git.paths(self.run.event.sha):
            if name.endswith(("/action.yml", "/action.yaml")):
                action = preparation.prepare_action((checkout / name).read_bytes())
                if action is not None:
                    self._replace(checkout / name, action)
        self._is_there(checkout_action.USES)
        return prepared

    @staticmethod
    def _replace(path: Path, text: str) -> None:
        """Write *text*, which act reads, in place of a file of the checkout; git of a workflow does not see it."""
        path.write_text(text, encoding="utf-8")
        subprocess.run(["git", "update-index", "--assume-unchanged", path.name], cwd=path.parent, check=True)

    def _is_there(self, uses: str) -> bool:
        """Tell whether this machine has an action; act is told where."""
        found = self.shelf.folder(uses)
        if found:
            self.used[found[0]] = found[1]
        return found is not None

    def _run_token(self, permissions: dict[str, str] | None = None) -> str:
        with self.sandbox.state.lock:
            self.repo.members["github-actions[bot]"] = "write"
            return self.sandbox.state.add_token(
                "github-actions[bot]", permissions=permissions, of_run=True, repos=[self.repo]
            )

    def _hear(self, line: str, write: Callable[[str], object]) -> None:
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            self._log(line.rstrip(), "", write)
            return
        job = said.get("job", "")
        self._log(said.get("msg", "").rstrip(), job, write)
        if said.get("command") == "set-output" and len(said.get("stepID", [])) == 1:
            self.run.outputs[f"{said['jobID']}.{said['stepID'][0]}.{said['name']}"] = said["arg"]
        if said.get("command") == "summary" and len(said.get("stepID", [])) == 1:
            self.run.summaries.append(said["content"])
        if job:
            name = self._check_name(job, said["jobID"], said.get("matrix") or {})
            if name not in self.checks:
                self._log(self.refused.get(said["jobID"], ""), job, write)
                self._start_check(name, self._steps_of(said["jobID"]))
                self._start_deployment(name, said["jobID"], said.get("matrix") or {})
            self.checks[name].log += said.get("msg", "").rstrip().splitlines()
            if "stepResult" in said and len(said.get("stepID", [])) == 1:
                self.checks[name].end_step(said["step"], said["stepResult"])
            if said.get("msg", "").startswith(WAITS):
                self._wait_for(said["msg"].removeprefix(WAITS).strip())
            if "jobResult" in said:
                stopped = self.run.cancelled and said["jobResult"] == "failure"
                self._end_check(name, "cancelled" if stopped else said["jobResult"])

    def _log(self, message: str, job: str, write: Callable[[str], object]) -> None:
        for line in message.splitlines():
            self.run.lines.append(line)
            write(f"[{job.strip()}] {line}\n" if job else f"{line}\n")

    def _check_name(self, job: str, job_id: str, matrix: dict[str, Any]) -> str:
        """Return the name that GitHub gives the check of a job; act says `Workflow/job-1` or `caller/Workflow/job`."""
        caller, _, rest = job.strip().partition("/")
        if caller == self.run.name or rest.count("/") == 0:
            return self._job_name(job_id, self.workflow, rest, matrix)
        name = self._job_name(caller, self.workflow, caller, {})
        called = re.sub(r"(?<=\))-\d+$", "", rest.partition("/")[2])  # the number of a job of a matrix
        return f"{name} / {called}"

    @staticmethod
    def _job_name(job_id: str, workflow: dict[str, Any], said: str, matrix: dict[str, Any]) -> str:
        declared = workflow["jobs"].get(job_id, {}).get("name", "")
        if "${{" in declared:
            return re.sub(r"-\d+\s*$", "", said).strip()
        values = ", ".join(_plain_values(matrix))
        return f"{declared or job_id} ({values})" if values and not declared else declared or job_id

    def _steps_of(self, job_id: str) -> list[str]:
        """Return the names of the steps of a job, as they are declared; those of a called workflow are not known."""
        steps = self.workflow["jobs"].get(job_id, {}).get("steps", ())
        return [step.get("name") or f"Run {step.get('uses') or step['run'].partition(chr(10))[0]}" for step in steps]

    def _wait_for(self, environment: str) -> None:
        """Have the run wait until somebody approves *environment*."""
        with self.sandbox.state.lock:
            waiting = self.repo.waiting.setdefault(self.run.number, [])
            approved = [each["name"] for said in self.record.approvals for each in said["environments"]]
            if environment.casefold() not in waiting and environment not in approved:
                waiting.append(environment.casefold())
                self.waits()

    def _start_check(self, name: str, steps: Sequence[str] = ()) -> None:
        with self.sandbox.state.lock:
            self.checks[name] = CheckRun(
                self.sandbox.state.new_id(), name, self.sha, ACTIONS_APP, self.run.number, status="in_progress"
            )
            self.checks[name].attempt = self.run.attempt
            self.checks[name].steps = dict.fromkeys(steps, "")
            self.repo.checks.append(self.checks[name])

    def _start_deployment(self, name: str, job_id: str, matrix: dict[str, Any]) -> None:
        """Record a deployment, as GitHub does for a job with `environment:`; it may be named by the matrix.

        Not with `deployment: false` (docs.github.com, "Deploying with GitHub Actions").
        """
        declared = self.workflow["jobs"].get(job_id, {}).get("environment", "")
        if isinstance(declared, dict) and declared.get("deployment") == "false":
            return
        environment = declared.get("name", "") if isinstance(declared, dict) else declared
        environment = re.sub(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}", lambda match: str(matrix.get(match[1])), environment)
        if environment:
            event = self.run.event
            with self.sandbox.state.lock:
                deployment = self.sandbox.behaviour.deploy(
                    self.repo,
                    event.actor,  # chrnorm/deployment-action#68
                    sha=event.sha,
                    ref=event.ref.removeprefix("refs/heads/"),
                    environment=environment,
                )
                self._deployed(deployment, "in_progress")
            self.deployments[name] = deployment

    def _deployed(self, deployment: Deployment, state: str) -> None:
        status = self.sandbox.behaviour.deployed(self.repo, deployment, self._actor, state)
        status.log_url = f"{self.sandbox.url}/{self.repo.full_name}/actions/runs/{self.run.number}/job/1"

    @property
    def _actor(self) -> User:
        return self.sandbox.state.users["github-actions[bot]"]

    def _end_check(self, name: str, conclusion: str) -> None:
        with self.sandbox.state.lock:
            check = self.checks[name]
            check.status, check.conclusion, check.completed = "completed", conclusion, timestamp()
            check.steps = {step: said or "skipped" for step, said in check.steps.items()}
            self.sandbox.behaviour.carry_out_wishes(self.repo)
        self.run.jobs[name] = conclusion
        deployment = self.deployments.get(name)
        if deployment:
            state = "success" if conclusion == "success" else "failure"
            with self.sandbox.state.lock:
                self._deployed(deployment, state)

    def _finish(self, *, failed: bool) -> None:
        """Conclude the jobs that act did not run. GitHub calls them skipped.

        But act gives up when a reusable workflow failed, where GitHub runs what is to run `always()`; such a job is
        called cancelled, so that it cannot be taken for a success.
        """
        for job_id, job in self.workflow["jobs"].items():
            name = job.get("name", job_id)
            ran = any(name in (known, re.split(r" \(| / ", known)[0]) for known in self.checks)
            if "${{" not in name and not ran:
                self._start_check(name)
                given_up = failed and "always()" in job.get("if", "")
                self._end_check(name, "cancelled" if given_up else "skipped")
        elsewhere = [name for name in self.checks if name not in self.run.jobs]  # if act did not fail: another machine
        for name in elsewhere:
            self._end_check(name, "failure" if failed else "cancelled")
        stopped = self.run.cancelled or (elsewhere and not failed)
        self.run.conclusion = "cancelled" if stopped else "failure" if failed else "success"


def head_commit(event: Event) -> str:
    """Return the commit that the jobs of *event* count for: a pull request's head, though its test merge is tested."""
    pull = event.payload.get("pull_request")
    return str(pull["head"]["sha"]) if pull else event.sha


def _persists_credentials(workflow: dict[str, Any]) -> bool:
    """Tell whether a checkout of *workflow* leaves its token to git: actions/checkout does, unless told not to."""
    steps = [step for job in workflow["jobs"].values() for step in job.get("steps", ())]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    return any(step.get("with", {}).get("persist-credentials") != "false" for step in checkouts)


def _plain_values(matrix: dict[str, Any]) -> Iterator[str]:
    return (str(value) for value in matrix.values() if not isinstance(value, (dict, list)))
