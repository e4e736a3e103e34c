"""GitHub Actions: every event runs the workflows it starts, for real, with act; jobs become check runs."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from sandbox import token_action
from sandbox.state import ACTIONS_APP, CheckRun, Deployment, Event, User, WorkflowRun, timestamp
from sandbox.triggers import started
from sandbox.workflow_file import WAITS, Preparation, Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sandbox.server import Sandbox

ACT = Path(sys.executable).with_name("act")
PYTHON = Path(getattr(sys, "_base_executable", sys.executable))  # the one behind a virtual environment
MACHINES = ("ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04")  # a job for another machine does not run
ACTIONS_REPOSITORY = "your-org/gitops-actions"
# What a runner has and a workflow may expect; nothing of the caller's beside it.
PASSED_ON = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "NO_PROXY")


@dataclass(eq=False, slots=True)
class Run:
    """One run of one workflow: how each job ended, what the steps put out, and where its log is."""

    number: int
    event: Event
    path: str
    name: str
    log: Path
    jobs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    summaries: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    conclusion: str = ""
    process: subprocess.Popen[str] | None = None
    cancelled: bool = False
    attempt: int = 1
    triggering_actor: User | None = None


class Workflows:
    """Runs workflows for the events of *sandbox*; *actions* is the checkout that `@v1` stands for.

    *logs* keeps a log of every run. *home* is where the runner keeps what outlasts a job; without one it
    ends with the sandbox. *told* hears of each run as it starts and as it ends. What others
    publish runs here only if there is a folder for it in *stand_ins*, by what `uses:` says.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        actions: Path,
        logs: Path,
        home: Path | None = None,
        told: Callable[[Run], None] | None = None,
    ) -> None:
        self._sandbox = sandbox
        self.actions = actions
        self._logs = logs
        self._home = home or sandbox.state.folder / "runner"
        self._told = told or (lambda _: None)
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 2)
        self._idle = threading.Condition()
        self._busy = 0
        self._processes: set[subprocess.Popen[str]] = set()
        self.runs: list[Run] = []
        self.errors: list[BaseException] = []
        self.stand_ins: dict[str, Path] = {token_action.USES: token_action.write(sandbox.state.folder / "token-action")}

    def __enter__(self) -> Self:
        self._sandbox.state.listeners.append(self._on_event)
        return self

    def __exit__(self, *_: object) -> None:
        self._sandbox.state.listeners.remove(self._on_event)
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in list(self._processes):
            process.kill()
        self._pool.shutdown(wait=True)

    def wait(self, timeout: float = 120, *, running: int = 0) -> None:
        """Return when no more than *running* workflows run any more; raise what went wrong in running them."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._busy <= running, timeout):
                raise TimeoutError(f"workflows still run after {timeout} s")
        if self.errors:
            raise self.errors[0]

    def hear(self, timeout: float) -> None:
        """Return when a workflow has said something more, or ended; at the latest after *timeout* seconds."""
        with self._idle:
            self._idle.wait(timeout)

    def cancel(self, run: Run) -> None:
        """Stop *run*, as somebody does with the button on its page."""
        run.cancelled = True
        if run.process:
            run.process.terminate()

    def _on_event(self, event: Event) -> None:
        for path, workflow in started(event):
            run = Run(
                number=len(self.runs) + 1,
                event=event,
                path=path,
                name=workflow.get("name", path),
                log=self._logs / f"{len(self.runs) + 1:02d}-{event.repo.name}-{Path(path).stem}-{event.name}.log",
            )
            earlier = [known for known in event.repo.runs if known.path == path]
            pull = event.payload.get("pull_request")
            record = WorkflowRun(
                run.number,
                path,
                event.name,
                event.actor,
                _head(event),
                name=run.name,
                number=len(earlier) + 1,
                branch=pull["head"]["ref"] if pull else event.ref.removeprefix("refs/heads/"),
            )
            record.again = partial(self._start, run, workflow, record)
            event.repo.runs.append(record)
            self._start(run, workflow, record)

    def _start(self, run: Run, workflow: dict[str, Any], record: WorkflowRun) -> None:
        if record.attempt > 1:
            run = replace(
                run,
                attempt=record.attempt,
                log=run.log.with_stem(f"{run.log.stem}-{record.attempt}"),
                jobs={},
                outputs={},
                summaries=[],
                lines=[],
                conclusion="",
                process=None,
                cancelled=False,
                triggering_actor=record.start_of(record.attempt)[1],
            )
        self.runs.append(run)
        with self._idle:
            self._busy += 1
        self._pool.submit(self._run, run, workflow)

    def _tell_who_waits(self) -> None:
        with self._idle:
            self._idle.notify_all()

    def _run(self, run: Run, workflow: dict[str, Any]) -> None:
        try:
            self._told(run)
            local = {f"{ACTIONS_REPOSITORY}@v1": self.actions, **self.stand_ins}
            record = next(known for known in run.event.repo.runs if known.id == run.number)
            execution = _Execution(self._sandbox, run, record, workflow, local, self._home, self._processes)
            execution.heard = self._tell_who_waits
            execution.carry_out()
            self._told(run)
        except BaseException as error:
            self.errors.append(error)
            raise
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()


class _Execution:
    """One run being carried out."""

    def __init__(
        self,
        sandbox: Sandbox,
        run: Run,
        record: WorkflowRun,
        workflow: dict[str, Any],
        local: Mapping[str, Path],
        home: Path,
        processes: set[subprocess.Popen[str]],
    ) -> None:
        self.sandbox = sandbox
        self.run = run
        self.record = record
        self.workflow = workflow
        self.local = local
        self.home = home
        self.processes = processes
        self.repo = run.event.repo
        self.folder = sandbox.state.folder / "runs" / f"{run.number}-{run.attempt}"
        self.checks: dict[str, CheckRun] = {}
        self.deployments: dict[str, Deployment] = {}
        self.sha = _head(run.event)
        self.refused: dict[str, str] = {}
        self.heard: Callable[[], None] = lambda: None

    def carry_out(self) -> None:
        token = self._run_token()
        checkout = self._checkout(token)
        event_file = self.folder / "event.json"
        event_file.write_text(json.dumps(self.run.event.payload), encoding="utf-8")
        prepared = self._prepared(checkout)
        self.refused = prepared.refused
        workflow_file = self.folder / Path(self.run.path).name
        workflow_file.write_text(prepared.text, encoding="utf-8")
        secrets = {**prepared.secrets, "GITHUB_TOKEN": token}
        with subprocess.Popen(
            [
                *act_arguments(self.sandbox, self.run, event_file, secrets, self.local),
                *("-W", str(workflow_file), "-C", str(checkout)),
            ],
            env=act_environment(self.home, secrets),
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
            ("init", "-q", "-b", "main"),
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
            defaults=self._token_inputs,
        )
        prepared = preparation.prepare(content)
        for path in (checkout / Path(self.run.path).parent).glob("*.y*ml"):
            if "workflow_call" in (text := path.read_text(encoding="utf-8")):
                called = preparation.prepare(text.encode(), called=True)
                path.write_text(called.text, encoding="utf-8")
                prepared.secrets.update(called.secrets)
        return prepared

    def _token_inputs(self, uses: str) -> list[str]:
        """Return the inputs of an action of ours that are the job's token if they are not given."""
        name, _, version = uses.removeprefix(f"{ACTIONS_REPOSITORY}/").partition("@")
        folder = self.local.get(f"{ACTIONS_REPOSITORY}@{version}", Path()) / name / "action.yml"
        if not uses.startswith(f"{ACTIONS_REPOSITORY}/") or not folder.is_file():
            return []
        inputs = yaml.safe_load(folder.read_text(encoding="utf-8"))["inputs"]
        return [name for name, said in inputs.items() if "github.token" in str(said.get("default", ""))]

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
        for name in self.checks:
            if name not in self.run.jobs:
                self._end_check(name, "failure")
        self.run.conclusion = "cancelled" if self.run.cancelled else "failure" if failed else "success"


def act_arguments(
    sandbox: Sandbox, run: Run, event_file: Path, secrets: Iterable[str], local: Mapping[str, Path]
) -> list[str]:
    """Return the command that carries *run* out; *local* has the actions that its workflows use."""
    event = run.event
    variables = {
        **sandbox.environment(),
        "GITHUB_REPOSITORY": event.repo.full_name,
        "GITHUB_RUN_ID": str(run.number),
        "GITHUB_RUN_ATTEMPT": str(run.attempt),
        "GITHUB_TRIGGERING_ACTOR": (run.triggering_actor or event.actor).login,
        "GITHUB_REF": event.ref,
        "GITHUB_SHA": event.sha,
    }
    return [
        str(ACT),
        event.name,
        *("-e", str(event_file), "--actor", event.actor.login, "--json"),
        *(part for machine in MACHINES for part in ("-P", f"{machine}=-self-hosted")),
        *("--no-cache-server", "--artifact-server-addr", "127.0.0.1"),
        *(part for used, folder in local.items() for part in ("--local-repository", f"{used}={folder}")),
        # by name only: the values are in act's environment, not in its arguments
        *(part for name in secrets for part in ("-s", name)),
        *(part for name, value in event.repo.variables.items() for part in ("--var", f"{name}={value}")),
        *(part for name, value in variables.items() for part in ("--env", f"{name}={value}")),
    ]


def act_environment(home: Path, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that act runs in: a home of its own, and nothing of the caller's that is not needed."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {
        **passed,
        # The Python that runs this comes first: another one may be too old, or a script of pyenv, which is slow. It may
        # have no pip; the uv beside act will do.
        "PATH": os.pathsep.join([str(PYTHON.parent), passed.get("PATH", os.defpath), str(ACT.parent)]),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",  # nobody is there to answer
        "TERM": "dumb",
        **secrets,
    }


def _head(event: Event) -> str:
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
