"""The launcher, run as an action runs it: a real installer, a real package index on loopback, hostile surroundings."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actions.launcher import bootstrap, install
from tests.support import ROOT, outputs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = "fruit-1.0-py3-none-any.whl"
TOOLS = ("bash", "env", "sh", "dirname", "uname")
UV = Path(sys.executable).with_name("uv")


def make_wheel(folder: Path, module: str = "NAME = 'apple'\n") -> Path:
    """Return a wheel with one module in it."""
    path = folder / WHEEL
    files = {
        "fruit.py": module,
        "fruit-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: fruit\nVersion: 1.0\n",
        "fruit-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(text.encode())}\n"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, "fruit-1.0.dist-info/RECORD": record}.items():
            wheel.writestr(name, text)
    return path


class Index(ThreadingHTTPServer):
    """A package index with one wheel; it counts what is asked of it, and can be told to keep a client waiting."""

    daemon_threads = True

    def __init__(self, wheel: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.wheel = wheel
        self.asked: Counter[str] = Counter()
        self.hold = threading.Event()
        self.hold.set()
        self.reached = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/simple/"


class _Answer(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        if self.path.endswith(".whl"):
            self.server.reached.set()
            self.server.hold.wait(30)
            content, kind = self.server.wheel.read_bytes(), "application/octet-stream"
        else:
            content, kind = f'<a href="/files/{WHEEL}">{WHEEL}</a>'.encode(), "text/html"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@dataclass(slots=True)
class Machine:
    """A runner: an action's folder with spaces in its name, a tool cache, a workspace, and a PATH of its own."""

    folder: Path
    index: Index
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "actions", self.action / "actions", ignore=shutil.ignore_patterns("__pycache__"))
        for folder in (self.workspace, self.bin, self.temp):
            folder.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found
            (self.bin / tool).symlink_to(found)
        self.lock(hashlib.sha256(self.index.wheel.read_bytes()).hexdigest())
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(self.folder / "home"),
            "RUNNER_TOOL_CACHE": str(self.tool_cache),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(self.folder / "output"),
        }
        self.python(self.bin / "python3")
        self.entrypoint("import fruit; print('the fruit is', fruit.NAME)")

    @property
    def action(self) -> Path:
        return self.folder / "an action"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def tool_cache(self) -> Path:
        return self.folder / "tool cache"

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    @property
    def cache(self) -> Path:
        """Where pip and uv keep what they downloaded, from one job to the next."""
        return self.folder / "home" / ".cache"

    @property
    def installs(self) -> list[Path]:
        return sorted(self.temp.glob("gitops-actions-*"))

    def lock(self, digest: str) -> None:
        text = f"--index-url {self.index.url}\nfruit==1.0 --hash=sha256:{digest}\n"
        (self.action / "actions" / "requirements.lock").write_text(text)

    def entrypoint(self, code: str) -> None:
        (self.action / "entry point.py").write_text(code)

    def broken(self) -> str:
        """Return an entrypoint that imports what nobody has."""
        self.entrypoint("import basket")
        return str(self.action / "entry point.py")

    def carry(self, fruit: str) -> None:
        """Put what a release carries beside the launcher."""
        site = self.action / "actions" / "site"
        site.mkdir()
        (site / "fruit.py").write_text(fruit)

    def python(self, path: Path, version: str = "") -> None:
        """Put a Python at *path*; with *version*, one that only says that it is that old or new."""
        path.parent.mkdir(parents=True, exist_ok=True)
        real = getattr(sys, "_base_executable", sys.executable)
        old = f'case "$4" in *version_info*) exit 0;; esac\necho "{version} was run" >&2; exit 7'
        path.write_text(f'#!/bin/sh\n{old if version else f"""exec "{real}" "$@" """}\n')
        path.chmod(0o755)

    def another_job(self) -> None:
        """Install the lock as a job would that keeps its caches, with pip and with uv."""
        python = getattr(sys, "_base_executable", sys.executable)
        lock = str(self.action / "actions" / "requirements.lock")
        for number, installer in enumerate(([str(UV), "pip"], [python, "-I", "-m", "pip"])):
            where = ["--target", str(self.folder / f"other-{number}"), "-r", lock, "--require-hashes", "--no-deps"]
            subprocess.run(
                [*installer, "install", *where, *(["--python", python] if not number else [])],
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder / "home")},
                check=True,
                capture_output=True,
            )

    def poison(self) -> int:
        """Change the module wherever another job could have written it; return in how many places."""
        copies = [copy for root in (self.temp, self.cache) for copy in root.rglob("fruit.py")]
        for copy in copies:
            copy.chmod(0o644)
            copy.write_text("NAME = 'poison'\n")
        code = (
            "import sys; from pip._internal.cache import SimpleWheelCache; from pip._internal.models.link import Link;"
            "print(SimpleWheelCache(sys.argv[1]).get_path_for_link(Link(sys.argv[2])))"
        )
        python = getattr(sys, "_base_executable", sys.executable)
        url = self.index.url.replace("/simple/", f"/files/{WHEEL}")
        arguments = [python, "-I", "-c", code, str(self.cache / "pip"), url]
        folder = Path(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.strip())
        folder.mkdir(parents=True)
        make_wheel(folder, "NAME = 'poison'\n")
        digest = hashlib.sha256(self.index.wheel.read_bytes()).hexdigest()
        origin = {"archive_info": {"hash": f"sha256={digest}", "hashes": {"sha256": digest}}, "url": url}
        (folder / "origin.json").write_text(json.dumps(origin))
        return len(copies) + 1

    def with_uv(self) -> None:
        (self.bin / "uv").symlink_to(UV)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", str(self.action / "actions" / "run.sh"), str(self.action / "entry point.py")],
            env=self.environment,
            cwd=self.workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self) -> tuple[int, str]:
        process = self.start()
        said, _ = process.communicate(timeout=60)
        return process.returncode, said

    def outputs(self) -> dict[str, str]:
        text = Path(self.environment["GITHUB_OUTPUT"]).read_text()
        return outputs_of(text) | dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Iterator[Machine]:
    with Index(make_wheel(tmp_path)) as index:
        thread = threading.Thread(target=index.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield Machine(tmp_path, index)
        index.hold.set()
        index.shutdown()
        thread.join()


@pytest.fixture(name="each", params=["pip", "uv"])
def _each(machine: Machine, request: pytest.FixtureRequest) -> Machine:
    """The machine with each of the two installers."""
    if request.param == "uv":
        machine.with_uv()
    return machine


def test_every_run_installs_anew(each: Machine) -> None:
    """Neither a folder nor a cache is reused: another job may have written it."""
    first = each.run()
    asked = each.index.asked.copy()
    second = each.run()

    assert first == second == (0, "gitops-actions: installing the locked dependencies\nthe fruit is apple\n")
    assert each.index.asked - asked == asked
    assert len(each.installs) == 2


def test_what_another_job_left_is_not_imported(each: Machine) -> None:
    """The other job installed the same lock, and then changed every copy of the module on the runner."""
    each.run()
    each.another_job()
    poisoned = each.poison()

    assert poisoned >= 2
    assert each.run()[1].splitlines()[-1] == "the fruit is apple"


def test_nobody_else_can_write_what_is_imported(machine: Machine) -> None:
    machine.run()

    assert [stat.S_IMODE(folder.stat().st_mode) for folder in machine.installs] == [0o700]


def test_a_run_that_is_killed_leaves_nothing_that_the_next_would_use(each: Machine) -> None:
    each.index.hold.clear()
    victim = each.start()
    assert each.index.reached.wait(30)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    each.index.hold.set()

    assert each.run()[0] == 0


def test_no_token_reaches_the_installer(machine: Machine) -> None:
    seen = machine.folder / "seen"
    recorder = machine.bin / "uv"
    recorder.write_text(f'#!/bin/sh\nenv > "{seen}"\nexec "{UV}" "$@"\n')
    recorder.chmod(0o755)
    secrets = ("INPUT_TOKEN", "INPUT_APP_TOKEN", "ACTIONS_RUNTIME_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")
    machine.environment |= dict.fromkeys(secrets, "s3cret") | {"SSL_CERT_DIR": "/certificates"}

    assert machine.run()[0] == 0
    assert "s3cret" not in seen.read_text()
    assert "SSL_CERT_DIR=/certificates" in seen.read_text()


def test_an_installer_in_the_checkout_is_not_run(machine: Machine) -> None:
    """Windows looks for programs in the working directory; here a relative PATH does."""
    trap = machine.workspace / "uv"
    trap.write_text("#!/bin/sh\necho gotcha >&2; exit 7\n")
    trap.chmod(0o755)
    machine.environment["PATH"] = f".:{machine.bin}"

    assert machine.run()[0] == 0


def test_a_wrong_hash_stops_everything(each: Machine) -> None:
    each.lock("0" * 64)

    code, said = each.run()

    assert code == 8
    assert "::error title=gitops-actions::cannot install the locked dependencies" in said
    assert "fruit" in said
    assert "the fruit is" not in said
    assert each.outputs()["reason"] == "dependencies-unavailable"
    assert each.installs == []


def test_the_callers_settings_do_not_reach_the_installer(each: Machine) -> None:
    """An index, a target or a requirement of the caller's project would make it another install."""
    each.environment |= {
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_TARGET": str(each.folder / "elsewhere"),
        "PIP_NO_BINARY": ":all:",
        "PIP_CONFIG_FILE": str(each.workspace / "pip.conf"),
        "UV_INDEX_URL": "http://127.0.0.1:9/",
        "UV_OFFLINE": "1",
        "UV_EXCLUDE_NEWER": "2000-01-01",
        "UV_PYTHON": "2.7",
        "PYTHONPATH": str(each.workspace),
        "PYTHONHOME": "/nowhere",
        "PYTHONSTARTUP": str(each.workspace / "sitecustomize.py"),
        "VIRTUAL_ENV": str(each.workspace / "venv"),
    }
    (each.workspace / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/\n")
    (each.workspace / "uv.toml").write_text('[pip]\nindex-url = "http://127.0.0.1:9/"\n')

    assert each.run()[0] == 0


def test_nothing_of_the_checkout_is_executed(each: Machine) -> None:
    """The bot's token is in the environment when these would run."""
    hostile = ("github", "pip", "json", "sitecustomize", "usercustomize", "fruit", "hashlib", "runpy", "actions", "uv")
    for name in hostile:
        (each.workspace / f"{name}.py").write_text("raise SystemExit('gotcha')")
    (each.workspace / "pip").mkdir()
    (each.workspace / "pip" / "__main__.py").write_text("raise SystemExit('gotcha')")
    each.entrypoint("import json, fruit; print('the fruit is', fruit.NAME)")

    code, said = each.run()

    assert (code, said.splitlines()[-1]) == (0, "the fruit is apple")


def test_the_callers_virtual_environment_is_left_alone(machine: Machine, tmp_path: Path) -> None:
    """What is active may have no pip, and is not ours to change."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    before = sorted(venv.rglob("*"))
    machine.environment["PATH"] = f"{venv / 'bin'}:{machine.bin}"

    assert machine.run()[0] == 0
    assert sorted(venv.rglob("*")) == before


def test_an_entrypoint_ends_the_process_with_its_exit_code(machine: Machine) -> None:
    machine.entrypoint("import sys; print(sys.argv); raise SystemExit(4)")

    code, said = machine.run()

    assert code == 4
    assert said.splitlines()[-1] == repr([str(machine.action / "entry point.py")])


def test_a_python_that_is_too_old_is_passed_over_for_the_newest_of_the_tool_cache(machine: Machine) -> None:
    machine.python(machine.bin / "python3", "3.10")
    for version in ("3.9.1", "3.11.9", "3.12.0-rc.1"):
        machine.python(machine.tool_cache / "Python" / version / "x64" / "bin" / "python3", version)
    for version in ("3.12.4", "3.12.10"):
        machine.python(machine.tool_cache / "Python" / version / "x64" / "bin" / "python3")
    marker = machine.tool_cache / "Python" / "3.12.10" / "x64" / "bin" / "python3"
    marker.write_text(marker.read_text().replace("exec", "echo 3.12.10 >&2; exec"))

    code, said = machine.run()

    assert code == 0
    assert "3.12.10" in said


def test_a_python_whose_name_says_its_version_is_started_once(machine: Machine) -> None:
    """As on a runner, where python3 is a link to python3.12; another is asked for its version first."""
    starts = machine.folder / "starts"
    counted = machine.folder / "usr" / "python3.12"
    machine.python(counted)
    counted.write_text(counted.read_text().replace("exec", f"echo >>'{starts}'; exec"))
    (machine.bin / "readlink").symlink_to(shutil.which("readlink") or "")
    machine.carry("NAME = 'plum'\n")
    (machine.bin / "python3").unlink()
    (machine.bin / "python3").symlink_to(counted)

    assert machine.run() == (0, "the fruit is plum\n")
    assert starts.read_text() == "\n"

    (machine.bin / "python3").unlink()
    (machine.bin / "python3").symlink_to(counted.rename(counted.with_name("python3.9")))
    starts.unlink()

    assert machine.run() == (0, "the fruit is plum\n")
    assert starts.read_text() == "\n"  # to ask it; the one that it names is the one behind it


def test_a_python_of_windows_is_found_by_its_own_name(machine: Machine) -> None:
    (machine.bin / "python3").unlink()
    machine.python(machine.tool_cache / "Python" / "3.12.4" / "x64" / "python.exe")

    assert machine.run()[0] == 0


@pytest.mark.parametrize("tool_cache", [True, False])
def test_without_any_python_it_says_what_to_do(machine: Machine, tool_cache: bool) -> None:
    (machine.bin / "python3").unlink()
    if not tool_cache:
        machine.environment.pop("RUNNER_TOOL_CACHE")

    code, said = machine.run()

    assert code == 9
    assert said.startswith("::error title=gitops-actions::no Python 3.11 or newer")
    assert "actions/setup-python" in said
    assert machine.outputs() == {"reason": "no-python"}


@pytest.mark.parametrize("temp", ["not there", ""])
def test_without_the_folder_of_the_runner_a_temporary_one_will_do(machine: Machine, temp: str) -> None:
    """As in a container that runs as another user, or on no runner at all."""
    machine.environment |= {"RUNNER_TEMP": temp, "TMPDIR": str(machine.folder)}

    assert machine.run()[0] == 0
    assert len(list(machine.folder.glob("gitops-actions-*"))) == 1


def test_a_release_carries_its_dependencies_and_asks_nobody(machine: Machine) -> None:
    machine.carry("NAME = 'pear'")

    assert machine.run() == (0, "the fruit is pear\n")
    assert machine.index.asked.total() == 0
    assert machine.installs == []


def test_what_a_release_lacks_after_all_comes_from_the_lock(machine: Machine) -> None:
    machine.carry("import basket\nNAME = 'pear'")

    code, said = machine.run()

    assert (code, said.splitlines()[-1]) == (0, "the fruit is apple")
    assert "the release lacks basket" in said
    assert len(machine.installs) == 1


def test_what_neither_has_is_a_fault_that_shows(machine: Machine) -> None:
    machine.carry("")
    machine.entrypoint("import fruit, basket")

    code, said = machine.run()

    assert (code, "No module named 'basket'" in said) == (1, True)


class TestInProcess:
    """The same code within this process, where its coverage is seen; the processes above are what proves it."""

    @pytest.fixture(autouse=True)
    def _here(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bootstrap, "LOCK", str(machine.action / "actions" / "requirements.lock"))
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.setattr(sys, "argv", list(sys.argv))
        for name, value in machine.environment.items():
            monkeypatch.setenv(name, value)

    def test_an_entrypoint_is_run(self, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
        machine.entrypoint("import fruit; print(fruit.NAME)")

        bootstrap.main(str(machine.action / "entry point.py"), carried=False)

        assert capsys.readouterr().out.splitlines()[1:] == ["apple"]
        sys.modules.pop("fruit")

    def test_what_a_release_lacks_is_installed_and_the_entrypoint_run_again(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        machine.carry("import basket")
        monkeypatch.setattr(bootstrap, "SITE", str(machine.action / "actions" / "site"))
        monkeypatch.setattr(bootstrap, "__file__", str(machine.action / "actions" / "launcher" / "bootstrap.py"))

        with pytest.raises(SystemExit, match="0"):
            bootstrap.main(str(machine.action / "entry point.py"), carried=True)
        assert "lacks basket" in capsys.readouterr().out
        with pytest.raises(ModuleNotFoundError):
            bootstrap.main(machine.broken(), carried=False)

    def test_uv_is_used_where_it_is(self, machine: Machine) -> None:
        assert install.command(lock="lock", target=Path("there"))[1:3] == ["-I", "-m"]
        machine.with_uv()
        assert install.command(lock="lock", target=Path("there"))[:3] == [str(machine.bin / "uv"), "pip", "install"]

    def test_without_the_folder_of_the_runner_the_systems_is_used(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert install.new_folder().parent == machine.temp
        monkeypatch.setenv("RUNNER_TEMP", "not there")
        assert install.new_folder().parent == Path(tempfile.gettempdir())

    def test_a_failed_install_ends_the_process(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        machine.lock("0" * 64)
        monkeypatch.delenv("GITHUB_OUTPUT")

        with pytest.raises(SystemExit, match="8"):
            bootstrap.dependencies()
        monkeypatch.setenv("GITHUB_OUTPUT", machine.environment["GITHUB_OUTPUT"])
        with pytest.raises(SystemExit, match="8"):
            bootstrap.dependencies()
        assert machine.outputs()["reason"] == "dependencies-unavailable"
