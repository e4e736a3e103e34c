"""Tell what an existing infra repository has: its layout, environments and services."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from actions.errors import ActionError
from actions.infra.checkout import Checkout
from actions.infra.config import Config
from actions.infra.config_file import parse_config
from actions.infra.layout import natural
from actions.tags import is_version
from cli.new.shape import Found, Layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from actions.infra.layout import Snapshot

# Those of docs/layouts.md that tell themselves, the plainest first.
CANDIDATES = (
    "",
    'tag: "{service}.image"',
    "files: overlays/{env}/kustomization.yaml\ntag: images[name=REGISTRY{service}].newTag",
    "files: apps/{service}/overlays/{env}/kustomization.yaml\ntag: images[name=REGISTRY{service}].newTag",
    "files: charts/{service}/values-{env}.yaml\ntag: image.tag",
    'files: values-{env}.yaml\ntag: "{service}.image.tag"',
    "files: chart/values-{env}.yaml\ntag: image.tag",
    "files: values-{env}.yaml\ntag: image.tag",
    'files: env/{env}.tfvars.json\ntag: "{service}_tag"',
)
# The layouts that `new` writes itself, and so knows how to test and to deploy.
LAYOUTS = {
    Layout.KUSTOMIZE: "files: overlays/{env}/kustomization.yaml",
    Layout.HELM: "files: charts/{service}/values-{env}.yaml",
}
# In what order environments usually come.
ORDER = ("local", "sandbox", "dev", "develop", "development", "test", "testing", "int", "integration", "qa", "uat",
         "stage", "staging", "preprod", "pre-prod", "pre", "prod", "production", "live")  # fmt: skip


def look(folder: Path) -> Found | None:
    """Return what the infra repository in *folder* has, None if no layout that is known finds a tag in it."""
    if (folder / "gitops.yml").is_file():
        return _adopted(folder)
    best: Found | None = None
    for keys in _candidates(folder):
        found = _try(folder, keys)
        if found and (best is None or len(found.services) * len(found.envs) > len(best.services) * len(best.envs)):
            best = found
    return best


def _candidates(folder: Path) -> Iterator[str]:
    for keys in CANDIDATES:
        if "REGISTRY" in keys:
            yield from (keys.replace("REGISTRY", registry) for registry in _registries(folder))
        else:
            yield keys


def _registries(folder: Path) -> list[str]:
    """Return what stands before the names of images in kustomizations, the commonest first."""
    found: list[str] = []
    for path in sorted(folder.glob("**/overlays/*/kustomization.yaml")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            key, colon, value = line.strip(" -").partition(":")
            if key == "name" and colon:
                registry, slash, _ = value.strip().strip("\"'").rpartition("/")
                found.append(registry + slash)
    return sorted({*found, ""}, key=lambda registry: (-found.count(registry), registry))


def _try(folder: Path, keys: str) -> Found | None:
    try:
        config = parse_config(keys) if keys else Config()
        environments = Checkout(folder).environments(config.layout("envs"))
        tagged = {env: _services(snapshot) for env, snapshot in environments.items()}
    except ActionError:
        return None
    services = sorted({service for found in tagged.values() for service in found})
    if not services:
        return None
    envs = tuple(sorted(tagged, key=lambda env: (_rank(env), natural(env))))
    where = config.files or "envs/{env}.*"
    said = f"{where}: {', '.join(envs)}; services {', '.join(services)}"
    files = tuple(file.path for file in environments[envs[0]].files)
    return Found(
        keys=keys,
        layout=next((layout for layout, start in LAYOUTS.items() if keys.startswith(start)), None),
        tags=environments[envs[0]].tags(),
        envs=envs,
        services=tuple(services),
        commit=_head(folder),
        said=said,
        files=files,
    )


def git_tags(app: Path, found: Found) -> dict[str, str]:
    """Return how the git tags of those services of *found* are called whose tags are versions, by the tags of *app*."""
    done = subprocess.run(["git", "tag", "--list"], cwd=app, capture_output=True, text=True, check=False)
    names = set(done.stdout.split())
    patterns = {}
    for service, tag in found.tags.items():
        version = tag.removeprefix("v")
        called = (f"{service}{between}{version}" for between in ("-v", "/v", "@", "-", "/"))
        name = next((name for name in called if is_version(version) and name in names), "")
        if name:
            patterns[service] = name.removesuffix(version) + "{version}"
    return patterns


def _adopted(folder: Path) -> Found | None:
    """Return what an earlier run found, if `gitops.yml` says so by `adopt`."""
    checkout = Checkout(folder)
    config = checkout.config()
    if not config.adopt:
        return None
    keys = [line for line in checkout.read("gitops.yml").splitlines() if line.startswith(("files:", "tag:", "format:"))]
    found = _try(folder, "\n".join(keys))
    return replace(found, envs=tuple(config.in_order(found.envs)), commit=config.adopt) if found else None


def _services(snapshot: Snapshot) -> list[str]:
    return list(snapshot.tags())


def _rank(env: str) -> int:
    return ORDER.index(env.casefold()) if env.casefold() in ORDER else len(ORDER) // 2


def _head(folder: Path) -> str:
    """Return the commit that is checked out in *folder*, "" if there is none."""
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "HEAD"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
