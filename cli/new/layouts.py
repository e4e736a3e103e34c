"""The env files of each layout, what deploys them, and the keys of `gitops.yml` that say where the tags are."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from cli.new.examples import example
from cli.new.shape import Deploy, Layout

if TYPE_CHECKING:
    from cli.new.shape import Shape

Files: TypeAlias = dict[str, str]
HOME = {Layout.JSON: "infra", Layout.KUSTOMIZE: "kustomize", Layout.HELM: "helm"}
MAKES = {Deploy.MAKE: "infra", Deploy.KUSTOMIZE: "kustomize", Deploy.HELM: "helm"}
CHART = ("Chart.yaml", "values.yaml", "templates/deployment.yaml")
TEST_YOURSELF = """\
.PHONY: test deploy
test:
	@echo "Put your own test here: kubectl kustomize, helm lint, terraform validate."
"""


def config_keys(shape: Shape) -> list[str]:
    """Return the lines of `gitops.yml` that say where the tags are."""
    if shape.found:
        keys = shape.found.keys.splitlines()
    elif shape.layout is Layout.KUSTOMIZE:
        image = f"ghcr.io/{shape.org.lower()}/{{service}}"
        keys = ["files: overlays/{env}/kustomization.yaml", f"tag: images[name={image}].newTag"]
    elif shape.layout is Layout.HELM:
        keys = ["files: charts/{service}/values-{env}.yaml", "tag: image.tag"]
    else:
        keys = []
    return ["", "# Where the tags are.", *keys] if keys else []


def env_files(shape: Shape) -> Files:
    """Return the env files; the tags are empty until the first publish."""
    return {path: text for env in shape.envs for path, text in _env_files(shape, env).items()}


def _env_files(shape: Shape, env: str) -> Files:
    if shape.layout is Layout.KUSTOMIZE:
        head, _, entry = example("kustomize/overlays/dev/kustomization.yaml").partition("images:\n")
        images = "".join(_named(shape, entry, service) for service in shape.services)
        return {f"overlays/{env}/kustomization.yaml": f"{head}images:\n{images}"}
    if shape.layout is Layout.HELM:
        return {f"charts/{service}/values-{env}.yaml": 'image:\n  tag: ""\n' for service in shape.services}
    content = {service: {"tag": "", "digest": ""} for service in shape.services}
    return {f"envs/{env}.json": json.dumps(content, indent=2) + "\n"}


def placeholders(shape: Shape) -> Files:
    """Return the least that can be deployed."""
    files: Files = {}
    if shape.layout is Layout.KUSTOMIZE:
        listed = ", ".join(f"{service}.yaml" for service in shape.services)
        files["base/kustomization.yaml"] = example("kustomize/base/kustomization.yaml").replace("api.yaml", listed)
        for service in shape.services:
            files[f"base/{service}.yaml"] = _named(shape, example("kustomize/base/api.yaml"), service)
    if Layout.HELM in (shape.layout, shape.deploy):
        for service in shape.services:
            for name in CHART:
                files[f"charts/{service}/{name}"] = _named(shape, example(f"helm/charts/api/{name}"), service)
    return files


def paths(shape: Shape, env: str) -> list[str]:
    """Return what belongs to *env* beside its env files, where it is not known without being said: the charts."""
    if Layout.HELM not in (shape.layout, shape.deploy):
        return []
    return [f"overlays/{env}", "base", "charts"] if shape.layout is Layout.KUSTOMIZE else ["charts"]


def makefile(shape: Shape) -> str:
    """Return the Makefile of the infra repository: the test of the layout, and the command that deploys."""
    test, _, _ = example(f"{HOME[shape.layout]}/Makefile").partition("\n\n")
    _, _, deploy = example(f"{MAKES[shape.deploy]}/Makefile").partition("\n\n")
    is_ours = not shape.found or shape.found.layout
    return f"{test if is_ours else TEST_YOURSELF}\n\n{deploy}".replace("\n\n\n", "\n\n")


def env_patterns(shape: Shape) -> list[str]:
    """Return the patterns of files that the team reviews: all but the env files of the first environment.

    The last pattern that matches a file counts, and a file can be taken out only of a folder that is not covered, so
    each folder on the way to it is taken out, and what is in it covered again.
    """
    patterns = ["*"]
    paths = [PurePosixPath(path) for path in (shape.found.files if shape.found else _env_files(shape, shape.envs[0]))]
    for path in paths:
        folders = [folder for folder in reversed(path.parents) if folder.name]
        patterns += [each for folder in folders for each in (f"!/{folder}/", f"/{folder}/*")]
    return [*dict.fromkeys(patterns), *(f"!/{path}" for path in paths)]


def _named(shape: Shape, text: str, service: str) -> str:
    """Return the *text* of an example with the service and the registry of *shape*."""
    text = text.replace("ghcr.io/your-org/api", f"ghcr.io/{shape.org.lower()}/{service}")
    return text.replace(" api\n", f" {service}\n").replace(": api}", f": {service}}}")
