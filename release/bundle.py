"""Bundle the locked dependencies for a release, with the same bytes wherever they are built.

Compiled parts are left out, so that one release works on every platform and on every Python from 3.11 on. The one that
matters for time, libyaml in PyYAML, is carried for GitHub's Ubuntu images; elsewhere PyYAML does without it.

- cryptography, PyNaCl, cffi, pycparser: PyGithub uses them to encrypt secrets and to sign for a GitHub App, which no
  action does. PyGithub always imports nacl, so an empty stand-in replaces it.
- the compiled half of charset-normalizer, which has the same code in Python.

Tests, type stubs and the metadata of installers are left out as well. The licences are kept, and sbom.cdx.json
(CycloneDX) lists all packages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email import message_from_string
from pathlib import Path
from typing import TYPE_CHECKING

from actions.errors import GitHubError
from actions.launcher.install import PIP, SAME_FOR_BOTH, command, installer_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEFT_OUT = ("cffi", "cryptography", "pycparser", "pynacl")
UNUSED = ("tests", "bin", "__pycache__", ".lock")
COMPILED = (".so", ".pyd", ".dylib", ".dll", ".pyi", ".typed", ".pyc")
PYTHON, PLATFORMS = "3.12", ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")  # of Ubuntu 24.04
STAND_IN = {
    "nacl/__init__.py": '"""A stand-in for PyNaCl, which a release leaves out: it encrypts secrets, and none are."""\n',
    "nacl/encoding.py": "",
    "nacl/public.py": "",
}


def build(lock: Path, into: Path) -> None:
    """Write the dependencies of *lock* and their licences to the folder *into*, which is emptied first.

    Raises GitHubError if they cannot be installed.
    """
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        installed, reduced = Path(folder, "site"), Path(folder, "requirements.lock")
        reduced.write_text("".join(kept(lock.read_text(encoding="utf-8"))), encoding="utf-8")
        _install(reduced, installed)
        metadata = dict(sorted(_metadata(installed)))
        for path in sorted(installed.rglob("*")):
            relative = path.relative_to(installed)
            if path.is_file() and _is_carried(relative):
                _copy(path, into / relative)
        for name, (info, _) in metadata.items():
            for path in sorted(info.rglob("*")):
                if path.is_file() and re.match(r"(?i)licen|copying|notice|authors", path.name):
                    _copy(path, into / "licences" / name / path.name)
        for platform in PLATFORMS:
            _carry_libyaml(reduced, into, platform=platform)
    for name, text in STAND_IN.items():
        (into / name).parent.mkdir(exist_ok=True)
        (into / name).write_text(text, encoding="utf-8")
    sbom = _sbom({name: fields for name, (_, fields) in metadata.items()})
    (into / "sbom.cdx.json").write_text(json.dumps(sbom, indent=2) + "\n", encoding="utf-8")


def kept(lock: str) -> Iterator[str]:
    """Yield the requirements of *lock* that a release includes, with their hashes."""
    for requirement in re.split(r"(?m)^(?=[A-Za-z])", lock):
        if requirement.partition("==")[0] not in LEFT_OUT:
            yield requirement


def _carry_libyaml(lock: Path, into: Path, *, platform: str) -> None:
    """Copy the compiled half of PyYAML for *platform*; its name says which Python loads it."""
    with tempfile.TemporaryDirectory() as folder:
        pyyaml = Path(folder, "requirements.lock")
        lines = re.split(r"(?m)^(?=[A-Za-z])", lock.read_text(encoding="utf-8"))
        pyyaml.write_text("".join(line for line in lines if line.startswith("pyyaml==")), encoding="utf-8")
        whose = ("--platform", platform, "--python-version", PYTHON)
        _run([sys.executable, *PIP, "download", "--dest", folder, *SAME_FOR_BOTH, *whose, "-r", str(pyyaml)])
        [wheel] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            for name in files.namelist():
                if re.fullmatch(r"yaml/_yaml\.[\w-]+\.so", name):
                    (into / name).write_bytes(files.read(name))
                    (into / name).chmod(0o644)


def _install(lock: Path, target: Path) -> None:
    target.mkdir()
    _run(command(lock=str(lock), target=target))


def _run(installer: list[str]) -> None:
    """Run *installer*; raise GitHubError with what it says if it fails."""
    done = subprocess.run(installer, env=installer_environment(os.environ), capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stderr or done.stdout).strip()[:1000]
        raise GitHubError(f"cannot install the dependencies of the release: {output}")


def _is_carried(path: Path) -> bool:
    folders = path.parts
    return (
        not any(part in UNUSED for part in folders)
        and not folders[0].endswith(".dist-info")
        and path.suffix not in COMPILED
        and not re.search(r"__mypyc\b", path.name)
    )


def _copy(source: Path, target: Path) -> None:
    """Copy the bytes of a file, without metadata that depends on the machine."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    target.chmod(0o644)


def _metadata(installed: Path) -> Iterator[tuple[str, tuple[Path, Mapping[str, str]]]]:
    for info in installed.glob("*.dist-info"):
        fields = message_from_string((info / "METADATA").read_text(encoding="utf-8"))
        licence = next(
            (fields[name] for name in ("License-Expression", "License") if fields[name]),
            next((c.split(" :: ")[-1] for c in fields.get_all("Classifier", []) if c.startswith("License")), ""),
        )
        name = fields["Name"].lower().replace("_", "-")
        yield name, (info, {"version": fields["Version"], "licence": licence})


def _sbom(components: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Return the bill of materials, without values that differ between builds, like the time."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "gitops-actions"}},
        "components": [
            {
                "type": "library",
                "name": name,
                "version": fields["version"],
                "purl": f"pkg:pypi/{name}@{fields['version']}",
                "licenses": [{"license": {"name": fields["licence"]}}],
            }
            for name, fields in components.items()
        ],
    }


if __name__ == "__main__":
    root = Path(__file__).parent.parent / "actions"
    build(root / "requirements.lock", Path(sys.argv[1]) if len(sys.argv) > 1 else root / "site")
