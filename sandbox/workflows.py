"""GitHub Actions: every event runs the workflows it starts, for real, with act; jobs become check runs."""

from __future__ import annotations

import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sandbox import checkout_action, events, gh_program, token_action
from sandbox.act import Run
from sandbox.execution import Execution, head_commit
from sandbox.server import REST_ROOT
from sandbox.shelf import Shelf
from sandbox.state import WorkflowRun
from sandbox.triggers import started

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from sandbox.server import Sandbox
    from sandbox.state import Event

WAITING = 100  # so many runs may wait for an approval, beside those that run
LONGEST_CHAIN = 3  # of runs that start each other by `workflow_run` ("Events that trigger workflows")
INVALID = "Invalid workflow file: it is not YAML, or has no jobs, or no event"


class Workflows:
    """Runs workflows for the events of *sandbox*; *actions* is the checkout that our own actions are taken from.

    *logs* keeps a log of every run. *home* is where the runner keeps what outlasts a job; without one it
    ends with the sandbox. *told* hears of each run as it starts and as it ends. What others
    publish runs here only if there is a folder for it in *stand_ins*, by what `uses:` says; else it is skipped.
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
        at_once = os.cpu_count() or 2
        self._pool = ThreadPoolExecutor(max_workers=at_once + WAITING)
        self._machines = threading.Semaphore(at_once)
        self._ending = False
        self._idle = threading.Condition()
        self._busy = 0
        self._processes: set[subprocess.Popen[str]] = set()
        self.runs: list[Run] = []
        self.errors: list[BaseException] = []
        gh_program.write(sandbox.state.folder / "programs", sandbox.url, f"{sandbox.url}{REST_ROOT}")
        self.stand_ins: dict[str, Path] = {
            token_action.USES: token_action.write(sandbox.state.folder / "token-action"),
            checkout_action.USES: checkout_action.write(sandbox.state.folder / "checkout-action"),
        }

    def __enter__(self) -> Self:
        self._sandbox.state.listeners.append(self._on_event)
        return self

    def __exit__(self, *_: object) -> None:
        self._sandbox.state.listeners.remove(self._on_event)
        self._ending = True
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
        before = self._before(event)
        if before and before.chain >= LONGEST_CHAIN:
            return
        for path, workflow in started(event):
            run = Run(
                number=len(self.runs) + 1,
                event=event,
                path=path,
                name=workflow.get("name", path),
                log=self._logs / f"{len(self.runs) + 1:02d}-{event.repo.name}-{Path(path).stem}-{event.name}.log",
                chain=before.chain + 1 if before else 0,
            )
            earlier = [known for known in event.repo.runs if known.path == path]
            pull = event.payload.get("pull_request")
            record = WorkflowRun(
                run.number,
                path,
                event.name,
                event.actor,
                head_commit(event),
                name=run.name,
                number=len(earlier) + 1,
                branch=pull["head"]["ref"] if pull else event.ref.removeprefix("refs/heads/"),
            )
            event.repo.runs.append(record)
            if not workflow:
                self._fail(run, record)
                continue
            record.again = partial(self._start, run, workflow, record)
            self._start(run, workflow, record)

    def _before(self, event: Event) -> Run | None:
        """Return the run that *event*, if it is of one, tells of."""
        number = event.payload["workflow_run"]["id"] if event.name == "workflow_run" else 0
        return next((run for run in self.runs if run.number == number), None)

    def _fail(self, run: Run, record: WorkflowRun) -> None:
        """Have *run* be over before it began (docs.github.com shows such a run, without jobs)."""
        run.conclusion = record.ended = "failure"
        run.lines.append(INVALID)
        run.log.write_text(f"{run.path}: {INVALID}\n", encoding="utf-8")
        self.runs.append(run)
        self._told(run)

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
        record.stop, record.running = partial(self.cancel, run), True
        self.runs.append(run)
        with self._idle:
            self._busy += 1
        self._pool.submit(self._run, run, workflow, record)
        events.run_changed(self._sandbox.behaviour, run.event.repo, record, "requested")

    def _tell_who_waits(self) -> None:
        with self._idle:
            self._idle.notify_all()

    def _run(self, run: Run, workflow: dict[str, Any], record: WorkflowRun) -> None:
        machine = _Machine(self._machines)
        try:
            if not self._ending:
                self._told(run)
                self._carry_out(run, workflow, record, machine)
                self._told(run)
        except BaseException as error:
            self.errors.append(error)
            self._end(run, record)
            self._told(run)
            raise
        finally:
            machine.leave()
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _end(self, run: Run, record: WorkflowRun) -> None:
        """Have *run*, in which the sandbox failed, be over, so that nobody waits for it."""
        run.conclusion = record.ended = "failure"
        record.running = False
        with run.log.open("a", encoding="utf-8") as log:
            log.write(f"the sandbox failed:\n{traceback.format_exc()}")
        with self._sandbox.state.lock:
            for job in run.event.repo.jobs(record):
                job.status, job.conclusion = "completed", job.conclusion or "failure"

    def _carry_out(self, run: Run, workflow: dict[str, Any], record: WorkflowRun, machine: _Machine) -> None:
        shelf = Shelf(self.actions, self.stand_ins)
        execution = Execution(self._sandbox, run, record, workflow, shelf, self._home, self._processes)
        execution.heard = self._tell_who_waits
        execution.waits = machine.leave
        events.run_changed(self._sandbox.behaviour, run.event.repo, record, "in_progress")
        execution.carry_out()
        record.running = False
        events.run_changed(self._sandbox.behaviour, run.event.repo, record, "completed")


class _Machine:
    """The place of one run among those that run at once; a run that waits for somebody leaves it to others."""

    def __init__(self, places: threading.Semaphore) -> None:
        self._places = places
        self._taken = True
        places.acquire()

    def leave(self) -> None:
        """Give the place back, once."""
        if self._taken:
            self._taken = False
            self._places.release()
