"""Bundle the locked dependencies for a release, with the same bytes wherever they are built.

Compiled parts are left out, so that one release works on every platform and on every Python from 3.11 on. The one that
matters for time, libyaml in PyYAML, is carried for GitHub's Ubuntu images, without what only a debugger reads;
elsewhere PyYAML does without it.

- cryptography, PyNaCl, cffi, pycparser, PyJWT: PyGithub uses them to encrypt secrets and to sign for a GitHub App,
  which no action does.
- the classes of PyGithub: the actions use its requester, and import nothing else of it (actions/api/pygithub.py).
- charset-normalizer, which guesses the encoding of an answer that names none: GitHub's are UTF-8, says its stand-in.
- the parts of urllib3 that need another package (for SOCKS, for another TLS) or a browser.
- the tables of tzdata that zoneinfo does not read.
- typing-extensions: what PyGithub takes from it is in the standard library since Python 3.11, says its stand-in.

Tests, type stubs and the metadata of installers are left out as well. The licences are kept, and sbom.cdx.json
(CycloneDX) lists all packages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
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
    from collections.abc import Iterator, Mapping, Sequence

LEFT_OUT = ("cffi", "charset-normalizer", "cryptography", "pycparser", "pyjwt", "pynacl", "typing-extensions")
REQUESTER = ("__init__", "Consts", "GithubException", "GithubObject", "Requester")  # of PyGithub
UNUSED = ("tests", "bin", "contrib", "__pycache__", ".lock", "leapseconds")
COMPILED = (".so", ".pyd", ".dylib", ".dll", ".pyi", ".typed", ".pyc")
TABLES = (".zi", ".tab")
PYTHON, PLATFORMS = "3.12", ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")  # of Ubuntu 24.04
LOADED = 1  # PT_LOAD
STAND_IN = {
    "charset_normalizer.py": '''"""A stand-in for charset-normalizer: what GitHub answers is UTF-8."""

__version__ = "3.0.0"


def detect(_content):
    """Return the encoding of *_content* as requests asks for it."""
    return {"encoding": "utf-8"}
''',
    "typing_extensions.py": '''"""A stand-in for typing-extensions: Python 3.11 has what PyGithub needs of it."""

from typing import ParamSpec, Protocol, Self, TypeVar

__all__ = ["ParamSpec", "Protocol", "Self", "TypeVar"]
''',
}


def build(lock: Path, into: Path, *, compiled_by: Sequence[str] = ()) -> None:
    """Write the dependencies of *lock* and their licences to the folder *into*, which is emptied first.

    The bill of materials says by which Pythons the release is compiled. Raises GitHubError if they cannot be installed.
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
        (into / name).write_text(text, encoding="utf-8")
    sbom = _sbom({name: fields for name, (_, fields) in metadata.items()}, compiled_by)
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
                    (into / name).write_bytes(without_debug_information(files.read(name)))
                    (into / name).chmod(0o644)


def without_debug_information(elf: bytes) -> bytes:
    """Return the shared library *elf* up to the end of what is loaded, and without the list of its sections.

    The loader of Linux reads segments only (System V ABI, "Program Header"). The rest is for debuggers.
    """
    offset, size, count = *struct.unpack_from("<Q", elf, 32), *struct.unpack_from("<HH", elf, 54)
    segments = [struct.unpack_from("<IIQQQQ", elf, offset + size * index) for index in range(count)]
    end = max(start + length for kind, _, start, _, _, length in segments if kind == LOADED)
    loaded = bytearray(elf[:end])
    struct.pack_into("<Q", loaded, 40, 0)  # where the list of sections is,
    struct.pack_into("<HH", loaded, 60, 0, 0)  # how long it is, and which of them has the names
    return bytes(loaded)


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
        and path.suffix not in (*COMPILED, *TABLES)
        and not (folders[0] == "github" and path.stem not in REQUESTER)
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


def _sbom(components: Mapping[str, Mapping[str, str]], compiled_by: Sequence[str]) -> dict[str, object]:
    """Return the bill of materials, without values that differ between builds, like the time."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "name": "gitops-actions"},
            "properties": [{"name": "gitops-actions:bytecode", "value": f"CPython {name}"} for name in compiled_by],
        },
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
