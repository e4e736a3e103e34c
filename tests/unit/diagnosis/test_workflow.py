"""What is read from a workflow, whatever it looks like."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.diagnosis import pins, triggers
from actions.diagnosis.environments import wanted_environments
from actions.diagnosis.finding import Severity, Unreadable
from actions.diagnosis.repository_state import RepositoryState, Secrets
from actions.diagnosis.workflow import EVERY, OURS, Use, read_workflows
from actions.protection.lint import RepositoryFacts
from tests.support import ACTIONS

TOP = ["on", "jobs", "a", "push", "pull_request", "workflow_dispatch", "branches", "types", "inputs", "options"]
IN_JOB = ["steps", "uses", "with", "environment", "name", "runs-on", "labels", "group"]
KEYS = st.sampled_from([*TOP, *IN_JOB])
TEXTS = st.sampled_from(
    ["", "main", "${{ x }}", "a/b@v1", "o/r/action-check-envs@v1", "o/r/action-deploy-matrix@x", "${{ secrets.A }}"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.fixed_dictionaries({"on": VALUES, "jobs": st.dictionaries(KEYS, VALUES, max_size=3)}) | VALUES
HIDDEN = Unreadable(permission="x", said="y")


def state_of(text: str) -> RepositoryState:
    texts = {".github/workflows/a.yml": text}
    return RepositoryState(
        name="your-org/infra",
        head="",
        facts=RepositoryFacts(default_branch="main", workflows=texts, methods=frozenset()),
        workflows=read_workflows(texts),
        auto_merge=False,
        deletes_branches=False,
        rules=HIDDEN,
        rulesets=HIDDEN,
        people=HIDDEN,
        keys=HIDDEN,
        runs=HIDDEN,
        secrets=Secrets(repository=HIDDEN, organization=HIDDEN, dependabot=HIDDEN),
        runners=HIDDEN,
    )


@given(document=DOCUMENTS)
def test_any_text_is_read_and_looked_at(document: object) -> None:
    state = state_of(json.dumps(document))

    findings = [
        *pins.pin_findings(state),
        *triggers.event_findings(state),
        *triggers.branch_findings(state),
        *triggers.gate_findings(state, has_freezes=True),
    ]
    assert {finding.severity for finding in findings} <= {Severity.OK, Severity.WARNING, Severity.ERROR}


def test_every_action_of_ours_is_known() -> None:
    assert [f"action-{name}" for name in OURS] == ACTIONS


@pytest.mark.parametrize(
    ("job", "environment"),
    [
        ("environment: prod", "prod"),
        ("environment: {name: prod, deployment: false}", "prod"),
        ("environment: {name: '${{ matrix.env }}'}", EVERY),
        ("runs-on: x", ""),
        ("environment: [prod]", ""),
    ],
)
def test_the_environment_of_a_job(job: str, environment: str) -> None:
    (workflow,) = read_workflows({"a.yml": f"jobs: {{a: {{{job}}}}}"})

    assert [found.environment for found in workflow.jobs] == [environment]


def test_environments_whose_names_differ_in_case_are_one() -> None:
    """GitHub ignores the case; a job whose environment only a run knows may be in any that is deployed."""
    workflows = read_workflows(
        {
            "a.yml": "jobs: {a: {environment: Prod, env: {A: '${{ secrets.A }}'}}, b: {environment: prod},"
            " c: {environment: '${{ x }}', env: {B: '${{ secrets.B }}'}}}"
        }
    )

    wanted = wanted_environments(workflows, ["dev", "PROD"])

    assert [(each.name.casefold(), each.secrets, each.maybe) for each in wanted] == [
        ("dev", (), ("B",)), ("prod", ("A",), ("B",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("${{ secrets.A }} ${{ secrets.B }} ${{ secrets.A }}", ("A", "B")),
        ("${{ secrets['A'] }}", ("A",)),
        ('${{ secrets["A"] }}', ("A",)),
        ("${{ secrets.GITHUB_TOKEN }} ${{ vars.A }} my-secrets", ()),
        ("${{ secrets[matrix.name] }}", ()),
    ],
)
def test_the_secrets_that_a_job_reads(text: str, secrets: tuple[str, ...]) -> None:
    (workflow,) = read_workflows({"a.yml": json.dumps({"jobs": {"a": {"steps": [{"env": {"X": text}}]}}})})

    assert [found.secrets for found in workflow.jobs] == [secrets]


@pytest.mark.parametrize(
    ("runs_on", "machines"),
    [
        ("ubuntu-24.04", ("ubuntu-24.04",)),
        ("[self-hosted, linux]", ("self-hosted", "linux")),
        ("{group: big, labels: self-hosted}", ("self-hosted",)),
        ("{group: big}", ("big",)),
    ],
)
def test_the_machines_that_a_job_asks_for(runs_on: str, machines: tuple[str, ...]) -> None:
    (workflow,) = read_workflows({"a.yml": f"jobs: {{a: {{runs-on: {runs_on}}}}}"})

    assert [found.machines for found in workflow.jobs] == [machines]


@pytest.mark.parametrize(
    ("used", "ours", "pinned"),
    [
        ("your-org/gitops-actions/action-check-envs@v1", "check-envs", False),
        (f"x/y/action-doctor@{'a' * 40}", "doctor", True),
        ("actions/checkout@v7", "", False),
        (f"docker://image@sha256:{'a' * 64}", "", True),
        ("docker://image:latest", "", False),
        ("x/y/action-another@v1", "", False),
        (f"x/y@{'a' * 39}", "", False),
    ],
)
def test_what_is_used_of_whom_and_whether_it_can_move(used: str, ours: str, *, pinned: bool) -> None:
    action, _, ref = used.partition("@")

    use = Use(action=action, ref=ref)

    assert (use.our_name, use.is_pinned) == (ours, pinned)


def test_what_is_of_the_repository_itself_is_no_version() -> None:
    (workflow,) = read_workflows(
        {"a.yml": "jobs: {a: {uses: ./.github/workflows/b.yml}, b: {uses: x/y/.github/workflows/c.yml@v1}}"}
    )

    assert [use.short for use in workflow.uses] == ["x/y/.github/workflows/c.yml@v1"]
