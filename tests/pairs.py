"""A pair of repositories of another shape, made of the examples by replacing names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from sandbox.world import EXAMPLES

ENVIRONMENTS = ("dev", "qa", "prod")
NAMES = {
    "your-org/infra": "acme/shop-infra",
    "your-org/app": "acme/shop",
    "your-org": "acme",
    "app,infra": "shop,shop-infra",
    "repositories: app\n": "repositories: shop\n",
    "[main": "[trunk",
    '"main"': '"trunk"',
    "hotfixes/": "hotfix/",
    "staging": "qa",
}
FOLDERS = {"app": "shop", "infra": "shop-infra"}
PREFIX = "        with: {hotfix-prefix: hotfix/}\n"
LAYOUT = "files: overlays/{env}/kustomization.yaml\ntag: images[name={service}].newTag\nhotfix-prefix: hotfix/\n"
OVERLAY = "resources: [../../base]\nimages:\n  - name: api\n    newName: registry.example.com/api\n    newTag: {tag}\n"
TEST = '\t@for file in envs/*.json; do python3 -m json.tool "$$file" >/dev/null || exit 1; echo "ok $$file"; done\n'


def other_pair(folder: Path) -> tuple[Path, Path]:
    """Return two checkouts in *folder*: acme/shop with the branch `trunk`, and acme/shop-infra with Kustomize."""
    app, infra = folder / "shop", folder / "shop-infra"
    for name, target in (("app", app), ("infra", infra)):
        _copy(EXAMPLES / name, target)
    _edit(app / ".github/workflows/publish.yml", "action-setup-flags@v1\n", f"action-setup-flags@v1\n{PREFIX}")
    start = "          base-commit-sha: $"
    _edit(app / ".github/workflows/hotfix.yml", start, f"          hotfix-prefix: hotfix/\n{start}")
    _edit(infra / "gitops.yml", "", LAYOUT)
    _edit(infra / "Makefile", TEST, "\t@grep -H newTag overlays/*/kustomization.yaml\n")
    for path in (infra / "envs").iterdir():
        path.unlink()
    first = commit(app)
    (infra / "base").mkdir()
    (infra / "base/kustomization.yaml").write_text("resources: []\n")
    for env in ENVIRONMENTS:
        overlay = infra / "overlays" / env
        overlay.mkdir(parents=True)
        (overlay / "kustomization.yaml").write_text(OVERLAY.format(tag=first))
    commit(infra)
    return app, infra


def commit(folder: Path, branch: str = "trunk") -> str:
    """Commit what is in *folder*, on *branch* if it is new, and return the commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", branch)
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=Ann", "-c", "user.email=ann@acme.example", "commit", "-q", "-m", "Change")
    return git(folder, "rev-parse", "HEAD")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _copy(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(source).as_posix().replace("staging", "qa")
            name = re.sub(r"^protection/(app|infra)/", lambda match: f"protection/{FOLDERS[match[1]]}/", name)
            text = path.read_text(encoding="utf-8")
            for old, new in NAMES.items():
                text = text.replace(old, new)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(text, encoding="utf-8")


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
