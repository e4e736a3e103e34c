"""An environment that is a folder: what is beside its kustomization belongs to it, and the base that it names."""

from __future__ import annotations

import json

import pytest

from tests.sandbox.scenarios import Clone, GitHub, Infra, entries, planned

GITOPS = "files: overlays/{env}/kustomization.yaml\ntag: images[name=ghcr.io/org/{service}].newTag\n"
OVERLAY = """\
resources: [../../base, "https://github.com/org/base?ref=v1", github.com/org/base/x]
patches:
- path: replicas.yaml
images:
- name: ghcr.io/org/api
  newTag: TAG
- name: ghcr.io/org/web
  newTag: "1"
"""
FILES: dict[str, str | None] = {
    "gitops.yml": GITOPS,
    "base/deployment.yaml": "kind: Deployment\n",
    "other/x.yaml": "a: b\n",
    **{f"overlays/{env}/kustomization.yaml": OVERLAY.replace("TAG", "1.0.0") for env in ("dev", "prod")},
    **{f"overlays/{env}/replicas.yaml": "replicas: 1\n" for env in ("dev", "prod")},
    **{f"envs/{env}.json": None for env in ("dev", "staging", "prod")},
}
CHANGES = [
    pytest.param({"overlays/dev/replicas.yaml": "replicas: 2\n"}, ["dev"], id="a patch"),
    pytest.param({"base/deployment.yaml": "kind: StatefulSet\n"}, ["dev", "prod"], id="the base that both name"),
    pytest.param({"overlays/prod/new/x.yaml": "a: 1\n"}, ["prod"], id="a new file in a folder below"),
    pytest.param({"overlays/prod/replicas.yaml": None}, ["prod"], id="a file that is gone"),
    pytest.param({"other/x.yaml": "a: c\n"}, [], id="something else"),
    pytest.param({"overlays/develop/x.yaml": "a: c\n"}, [], id="a folder whose name starts alike"),
    pytest.param(
        {"overlays/dev/kustomization.yaml": f"# why\n{OVERLAY.replace('TAG', '1.0.0')}"}, [], id="a comment beside tags"
    ),
]


@pytest.mark.parametrize(("files", "deployed"), CHANGES)
@pytest.mark.parametrize("depth", [1, 2], ids=["from GitHub", "from the checkout"])
def test_a_push_deploys_the_environment_to_which_a_file_belongs(
    cloned: Clone, files: dict[str, str | None], deployed: list[str], depth: int
) -> None:
    cloned.push(FILES)
    cloned.push(files)
    cloned.clone(depth=depth)

    result = cloned.deploy()

    assert planned(result) == deployed
    assert [entry["changed"] for entry in entries(result)] == [["api", "web"]] * len(deployed)
    assert result.outputs["reason"] == ("changed" if deployed else "unchanged")


def test_environments_that_ran_the_same_commit_are_compared_once(infra: Infra) -> None:
    sha = infra.github.change_infra(FILES)
    for env in ("dev", "prod"):
        infra.deployed(env, sha)
    infra.github.change_infra({"base/deployment.yaml": "kind: X\n"})
    infra.github.sandbox.exchanges.clear()

    assert planned(infra.plan()) == ["dev", "prod"]
    assert len([each for each in infra.github.sandbox.exchanges if "/compare/" in each.path]) == 1


def test_what_changed_in_more_files_than_github_lists_may_belong_to_any_environment(infra: Infra) -> None:
    sha = infra.github.change_infra(FILES)
    for env in ("dev", "prod"):
        infra.deployed(env, sha)
    infra.github.change_infra({f"other/{number}": "x" for number in range(300)})

    assert planned(infra.plan()) == ["dev", "prod"]


def test_a_tag_beside_a_patch_is_still_one_service_alone(cloned: Clone) -> None:
    cloned.push(FILES)
    cloned.push({"overlays/dev/kustomization.yaml": OVERLAY.replace("TAG", "1.1.0")})
    cloned.clone(depth=2)

    assert [entry["changed"] for entry in entries(cloned.deploy())] == [["api"]]


@pytest.mark.parametrize(("files", "deployed"), CHANGES)
def test_what_changed_since_the_last_deployment_is_deployed(
    infra: Infra, files: dict[str, str | None], deployed: list[str]
) -> None:
    sha = infra.github.change_infra(FILES)
    for env in ("dev", "prod"):
        infra.deployed(env, sha)
    unchanged = infra.plan()
    infra.github.change_infra(files)

    result = infra.plan()

    assert planned(unchanged) == []
    assert planned(result) == deployed


@pytest.mark.parametrize(("path", "deployed"), [("other/x.yaml", ["dev"]), ("base/deployment.yaml", ["prod"])])
def test_what_belongs_to_an_environment_can_be_declared(cloned: Clone, path: str, deployed: list[str]) -> None:
    """Then its kustomization is not asked."""
    declared = f"{GITOPS}environments: {{dev: {{paths: [other, overlays/dev]}}, prod: {{}}}}\n"
    cloned.push(FILES | {"gitops.yml": declared})
    cloned.push({path: "a: c\n"})
    cloned.clone(depth=2)

    assert planned(cloned.deploy()) == deployed


@pytest.mark.parametrize("named", ["", "environments: {dev: {}, prod: {}}\n"])
def test_a_stray_file_is_deployed_only_where_nothing_names_the_environments(github: GitHub, named: str) -> None:
    github.change_infra({"gitops.yml": named, "envs/staging.json": None, "envs/_template.json": '{"api":{"tag":"x"}}'})
    Clone(github).push({"envs/_template.json": '{"api":{"tag":"y"}}'})
    cloned = Clone(github)
    cloned.clone(depth=2)

    result = cloned.deploy()
    bumped = github.runner.run("action-bump-env", env="_template", tag="z")
    opened = github.run("action-open-infra-pr", env="_template", tag="z", infra_repo="your-org/infra")

    if not named:
        assert planned(result) == ["_template"]
        return
    problem = "environments does not name '_template', which has a file; it names dev, prod. Name it there, or move"
    for each in (result, bumped, opened):
        assert (each.exit_code, each.outputs["reason"]) == (3, "invalid-config")
        assert problem in each.log
    assert json.loads(result.outputs["matrix"]) == {"include": []}
