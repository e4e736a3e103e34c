"""The locks hold what pyproject.toml asks for, for every platform, and name no index."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import distribution
from itertools import product

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import ROOT

RUNTIME, DEV = ROOT / "actions" / "requirements.lock", ROOT / "requirements-dev.lock"
PLATFORMS = [
    {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix", "platform_system": "Linux"},
    {"sys_platform": "linux", "platform_machine": "aarch64", "os_name": "posix", "platform_system": "Linux"},
    {"sys_platform": "darwin", "platform_machine": "arm64", "os_name": "posix", "platform_system": "Darwin"},
    {"sys_platform": "win32", "platform_machine": "AMD64", "os_name": "nt", "platform_system": "Windows"},
]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
ENVIRONMENTS = [
    {
        **platform,
        "python_version": version,
        "python_full_version": f"{version}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    for platform, version in product(PLATFORMS, PYTHONS)
]
LINE = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? \\$", re.MULTILINE)


def locked(path: object) -> dict[str, re.Match[str]]:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    return {canonicalize_name(match["name"]): match for match in LINE.finditer(text)}


def applies(marker: str | None, environment: dict[str, str]) -> bool:
    return marker is None or Marker(marker).evaluate(environment)


def asked_for(group: str = "") -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if not group:
        return [Requirement(line) for line in project["project"]["dependencies"]]
    found = []
    for entry in project["dependency-groups"][group]:
        found += asked_for(entry["include-group"]) if isinstance(entry, dict) else [Requirement(entry)]
    return found


def closure(requirements: list[Requirement], environment: dict[str, str]) -> dict[str, list[Requirement]]:
    """Return every distribution that *requirements* need on a platform, as those installed here declare it."""
    needed: dict[str, list[Requirement]] = {}
    todo = list(requirements)
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if str(requirement) in map(str, needed.get(name, [])):
            continue
        needed.setdefault(name, []).append(requirement)
        for declared in map(Requirement, distribution(name).requires or []):
            extras = {"", *requirement.extras}
            if not declared.marker or any(declared.marker.evaluate({**environment, "extra": e}) for e in extras):
                todo.append(declared)
    return needed


@pytest.mark.parametrize(
    "environment", ENVIRONMENTS, ids=lambda e: f"{e['sys_platform']}-{e['platform_machine']}-{e['python_version']}"
)
def test_the_lock_of_the_actions_is_what_pyproject_needs(environment: dict[str, str]) -> None:
    here = {name for name, match in locked(RUNTIME).items() if applies(match["marker"], environment)}
    needed = closure(asked_for(), environment)

    assert here == needed.keys()
    for name, requirements in needed.items():
        for requirement in requirements:
            assert requirement.specifier.contains(locked(RUNTIME)[name]["version"]), requirement


def test_the_lock_of_the_developers_has_all_of_it_and_the_same_versions() -> None:
    dev, runtime = locked(DEV), locked(RUNTIME)

    for requirement in asked_for() + asked_for("dev"):
        assert requirement.specifier.contains(dev[canonicalize_name(requirement.name)]["version"]), requirement
    assert {name: dev[name]["version"] for name in runtime} == {
        name: match["version"] for name, match in runtime.items()
    }


def test_what_is_installed_here_is_what_is_locked() -> None:
    for name, match in locked(DEV).items():
        if applies(match["marker"], {"extra": ""}):
            assert distribution(name).version == match["version"]


@pytest.mark.parametrize("path", [RUNTIME, DEV], ids=lambda path: path.name)
def test_every_distribution_has_its_hashes(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]

    assert len(blocks) == len(locked(path))
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize(
    "name",
    ["actions/requirements.lock", "requirements-dev.lock", "package-lock.json", "tests/clients/package-lock.json"],
)
def test_no_lock_names_the_host_of_an_index(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    assert "://" not in text if name.endswith(".lock") else '"resolved"' not in text


@pytest.mark.parametrize("folder", ["", "tests/clients"])
def test_the_npm_lock_holds_what_package_json_asks_for(folder: str) -> None:
    asked = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    packages = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert all("integrity" in package for path, package in packages.items() if path)
