"""What the answer of `gh attestation verify --format json` must say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.artifacts.attestation import Provenance, judge
from actions.errors import AccessError

SERVER, COMMIT = "https://github.com", "c" * 40
WANTED = Provenance(
    image="ghcr.io/your-org/api", digest=f"sha256:{'d' * 64}", repo="your-org/app", commit=COMMIT,
    workflow="publish.yml", default_branch="main", hotfix_prefix="hotfixes/",
)  # fmt: skip
FILE = "https://github.com/your-org/app/.github/workflows/publish.yml@refs/heads/main"
# The form of gh's answer, with the fields of the certificate that are judged.
CERTIFICATE = {
    "sourceRepositoryURI": "https://github.com/your-org/app", "sourceRepositoryDigest": COMMIT,
    "sourceRepositoryRef": "refs/heads/main", "runnerEnvironment": "github-hosted",
    "buildTrigger": "push",
    "buildSignerURI": FILE, "buildConfigURI": FILE,
}  # fmt: skip


def answer(*certificates: dict[str, Any]) -> str:
    return json.dumps([{"verificationResult": {"signature": {"certificate": each}}} for each in certificates])


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        pytest.param({}, "", id="as it should be"),
        pytest.param(
            {"sourceRepositoryURI": "https://github.com/evil/app"},
            "built by https://github.com/evil/app, not by your-org/app", id="a fork",
        ),
        pytest.param({"sourceRepositoryURI": "https://ghe.com/your-org/app"}, "not by your-org/app", id="a server"),
        pytest.param({"sourceRepositoryDigest": "e" * 40}, "built from eeeeeeeeeeee, not from", id="a commit"),
        pytest.param({"sourceRepositoryDigest": ""}, "built from , not from", id="no commit"),
        pytest.param({"sourceRepositoryRef": "main"}, "built on main, which", id="a short ref"),
        pytest.param({"sourceRepositoryRef": "heads/main"}, "built on heads/main, which", id="half a ref"),
        pytest.param({"sourceRepositoryRef": ""}, "built on , which", id="no ref"),
        pytest.param({"sourceRepositoryRef": "refs/tags/main"}, "built on refs/tags/main", id="a tag like the branch"),
        pytest.param({"sourceRepositoryRef": "refs/tags/"}, "built on refs/tags/, which", id="a tag without a name"),
        pytest.param({"buildTrigger": "release"}, "", id="a release"),
        pytest.param({"buildTrigger": "workflow_run"}, "for the event workflow_run, which may build", id="after a run"),
        pytest.param({"buildTrigger": "pull_request_target"}, "which may build what no branch has", id="of a fork"),
        pytest.param({"runnerEnvironment": ""}, "a runner that is unknown", id="no runner"),
        pytest.param({"buildSignerURI": "x", "buildConfigURI": "y\nz"}, "built by x in y z, not by", id="odd"),
        pytest.param({"buildSignerURI": "publish.yml", "buildConfigURI": "publish.yml"}, "not by", id="no address"),
        pytest.param(dict.fromkeys(("buildSignerURI", "buildConfigURI"), FILE.replace("pub", "Pub")), "not by", id="P"),
        pytest.param(dict.fromkeys(("buildSignerURI", "buildConfigURI"), FILE.replace("you", "You")), "", id="letters"),
        pytest.param({"sourceRepositoryDigest": "a\nb"}, "built from a b, not from", id="a new line"),
        pytest.param(
            {"buildSignerURI": FILE.replace("main", "evil"), "buildConfigURI": FILE.replace("main", "evil")},
            "not by publish.yml", id="the workflow of another branch",
        ),
    ],
)  # fmt: skip
def test_every_part_of_it_counts(changed: dict[str, str], fault: str) -> None:
    found = judge(answer(CERTIFICATE | changed), WANTED, SERVER)

    assert fault in found
    assert bool(fault) == bool(found)


@given(st.sampled_from(sorted(CERTIFICATE)), st.text(max_size=60))
def test_nothing_else_in_the_place_of_a_part_will_do(name: str, other: str) -> None:
    """But for the two names of the workflow, of which one suffices; and letters are compared as GitHub does."""
    changed = CERTIFICATE | {name: other}
    fault = judge(answer(changed), WANTED, SERVER)
    is_same = other.casefold() == CERTIFICATE[name].casefold()

    assert fault == "" if is_same or name in ("buildSignerURI", "buildConfigURI") else fault


@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_one_attestation_that_says_so_suffices_and_the_others_are_counted(right: list[bool]) -> None:
    refs = ["refs/heads/main" if good else f"refs/heads/{number}" for number, good in enumerate(right)]
    found = judge(answer(*(CERTIFICATE | {"sourceRepositoryRef": ref} for ref in refs)), WANTED, SERVER)

    assert (found == "") == any(right)
    assert ("more" in found) == (not any(right) and len(right) > 3)


@pytest.mark.parametrize("name", CERTIFICATE)
def test_a_part_that_is_missing_is_not_understood(name: str) -> None:
    without = {key: value for key, value in CERTIFICATE.items() if key != name}

    with pytest.raises(AccessError, match="is not understood"):
        judge(answer(without), WANTED, SERVER)


@pytest.mark.parametrize(
    "printed", ["", "[]", "{}", "null", "7", "[7]", "[" * 100_000, '[{"verificationResult": null}]']
)
def test_another_form_is_not_understood(printed: str) -> None:
    with pytest.raises(AccessError, match="is not understood"):
        judge(printed, WANTED, SERVER)


def test_a_version_may_be_built_for_its_git_tag_alone() -> None:
    version = replace(WANTED, git_tag="v1.0.0")

    assert [version.allows(f"refs/tags/{name}") for name in ("v1.0.0", "v1.0.1", "")] == [True, False, False]
    assert not WANTED.allows("refs/tags/")
