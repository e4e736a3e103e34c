"""The table of layouts in docs/layouts.md: each `gitops.yml` is short and valid, and a bump changes one line."""

from __future__ import annotations

import json
import re
from difflib import ndiff

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from actions.infra.config_file import parse_config
from actions.tags import Artifact
from tests.support import ROOT, Runner

TEXT = (ROOT / "docs/layouts.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| ([^|`]+) \| ((?:`[^|]+`)?) ?\|$", TEXT.partition("|---|---|\n")[2], re.MULTILINE))
SCHEMA = json.loads((ROOT / "gitops.schema.json").read_text(encoding="utf-8"))
APPLICATION = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: api\nspec:\n"
MANIFESTS = """\
apiVersion: v1
kind: Service
metadata:
  name: api
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - name: api
        image: ghcr.io/your-org/api:OLD
      - name: proxy
        image: envoyproxy/envoy:v1.30.1
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers: [{name: web, image: "ghcr.io/your-org/web:1.0.0"}]
"""
RELEASES = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: web
spec:
  values: {image: {tag: 1.0.0}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: api
spec:
  chart:
    spec: {chart: api, version: 1.x}
  values:
    image:
      repository: ghcr.io/your-org/api
      tag: OLD
"""
KUSTOMIZATION = """\
resources: [../../base]
images:
- name: docker.io/library/redis
  newTag: "7"
- name: NAME
  newTag: OLD
"""
# Plainly strings for every reader, so that the files may hold them as they stand; test_yaml_quotes has the others.
TAGS = st.from_regex(r"v[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True)
# Of every layout: the service, the path of its file in dev, and what that holds.
FILES = {
    "one file for each environment": ("api", "envs/dev.json", '{"api": {"tag": "OLD"},\n"web": {"tag": "1"}}\n'),
    "image references": ("api", "envs/dev.yaml", "api:\n  image: registry:5000/api:OLD\nweb: {image: x}\n"),
    "Kustomize": ("api", "overlays/dev/kustomization.yaml", KUSTOMIZATION.replace("NAME", "ghcr.io/your-org/api")),
    "Kustomize, an overlay for each service": (
        "api",
        "apps/api/overlays/dev/kustomization.yaml",
        KUSTOMIZATION.replace("NAME", "api"),
    ),
    "Kustomize, an image with another name": (
        "shop",
        "overlays/dev/kustomization.yaml",
        KUSTOMIZATION.replace("NAME", "app\n  newName: ghcr.io/your-org/storefront"),
    ),
    "Helm values, one app": ("api", "chart/values-dev.yaml", "replicas: 1\nimage:\n  tag: OLD # now\n"),
    "Helm values, a file for each service": ("api", "charts/api/values-dev.yaml", "image:\n  tag: 'OLD'\n"),
    "Helm values, several services in a file": (
        "api",
        "values-dev.yaml",
        "global: {}\napi:\n  image:\n    tag: OLD\nweb: {image: {tag: 1}}\n",
    ),
    "Helm values, other keys": (
        "web",
        "values-dev.yaml",
        "backend: {image: {tag: 1.0.0}}\nfrontend:\n  image: {tag: OLD}\nredis: {tag: 7}\n",
    ),
    "plain manifests": ("api", "deploy/dev.yaml", MANIFESTS),
    "Argo CD Application, Helm parameters": (
        "api",
        "argocd/dev/api.yaml",
        f"{APPLICATION}  source:\n    helm:\n      parameters:\n      - {{name: image.tag, value: OLD}}\n",
    ),
    "Argo CD Application, Helm values": (
        "api",
        "argocd/dev/api.yaml",
        f"{APPLICATION}  source:\n    helm:\n      valuesObject:\n        image:\n          tag: OLD\n",
    ),
    "Argo CD Application, Kustomize images": (
        "api",
        "argocd/dev/api.yaml",
        f"{APPLICATION}  source:\n    kustomize:\n      images:\n      - api=ghcr.io/your-org/api:OLD\n",
    ),
    "Argo CD Application, a revision": (
        "api",
        "argocd/dev/api.yaml",
        f"{APPLICATION}  sources:\n  - repoURL: x\n    targetRevision: OLD\n  - repoURL: y\n    targetRevision: main\n",
    ),
    "Flux HelmRelease": ("api", "clusters/dev/releases.yaml", RELEASES),
    "Flux Kustomization": (
        "api",
        "clusters/dev/apps.yaml",
        "kind: Kustomization\nspec:\n  path: ./apps\n  images:\n  - name: ghcr.io/your-org/api\n    newTag: OLD\n",
    ),
    "Terraform": (
        "api",
        "env/dev.tfvars.json",
        '{\n  "region": "eu-west-1",\n  "api_tag": "OLD",\n  "web_tag": "1"\n}\n',
    ),
    "files without an extension": ("api", "image-tags/dev/api", "image_tag: OLD\n"),
}


def gitops_of(layout: str) -> str:
    return "".join(f"{line}\n" for line in ROWS[layout].replace("`", "").split("<br>"))


def test_the_table_has_the_layouts_that_are_tried() -> None:
    assert ROWS.keys() == FILES.keys()


@pytest.mark.parametrize("layout", FILES)
def test_a_layout_takes_four_lines_and_a_bump_changes_one(runner: Runner, layout: str) -> None:
    gitops = gitops_of(layout)
    service, path, text = FILES[layout]
    runner.write({"gitops.yml": gitops, path: text.replace("OLD", "1.0.0"), "README.md": "# Infra\n"})

    bumped = runner.run("action-bump-env", env="dev", service=service, tag="1.1.0")
    listed = runner.run("action-deploy-matrix", only_changed="false")

    assert len(gitops.splitlines()) <= 4
    jsonschema.validate(yaml.safe_load(gitops), SCHEMA)
    assert bumped.outputs["reason"] == "changed", bumped.log
    assert runner.read(path) == text.replace("OLD", "1.1.0")
    assert len([line for line in ndiff(text.splitlines(), runner.read(path).splitlines()) if line[0] == "+"]) == 1
    assert listed.json("matrix")["include"][0]["tags"][service] == "1.1.0"


@pytest.mark.parametrize("layout", FILES)
@given(old=TAGS, new=TAGS, beside=st.text("abc -#\n", max_size=20))
def test_any_tag_of_a_layout_becomes_any_other_and_nothing_else_changes(
    layout: str, old: str, new: str, beside: str
) -> None:
    """As the text of the file, and as what another parser makes of it."""
    service, path, text = FILES[layout]
    comment = "".join(f"# {line}\n" for line in beside.split("\n")) if not path.endswith(".json") else ""
    written = parse_config(gitops_of(layout)).layout("envs")
    environment = written.group({path: comment + text.replace("OLD", old)})["dev"]

    changed = environment.with_artifacts({service: Artifact(new)})

    (before,), (after,) = environment.files, changed.files
    assert (environment.tags()[service], changed.tags()[service]) == (old, new)
    assert list(yaml.safe_load_all(after.text)) == list(yaml.safe_load_all(text.replace("OLD", new)))
    assert after.text.startswith(comment)
    assert len(after.text.splitlines()) == len(before.text.splitlines())
