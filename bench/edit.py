"""Measure edits of YAML beside yq: many files, many tags in one file, one large file; with and without compiled PyYAML.

Run it with `make bench`; yq is Debian's or PyPI's, and is left out if there is none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from actions.infra.env_file import EnvFile
from actions.infra.formats import yaml_nodes
from actions.infra.tag_path import TagPath
from actions.tags import Artifact
from bench.released import make_release

BIN = Path(sys.executable).parent
YQ = shutil.which("yq", path=BIN) or shutil.which("yq")
FILES, TAGS = 1000, 200
MEGABYTES = 5
SERVICE = """\
service-{number}:
  image:
    repository: ghcr.io/your-org/service-{number} # by the publish workflow
  tag: 1.0.{number}
  env: [{{name: LOG_LEVEL, value: "info"}}, {{name: REGION, value: eu-west-1}}]
  resources:
    limits: {{cpu: 500m, memory: 256Mi}}
"""
BLOCK = len(SERVICE.format(number=1000))


def main() -> None:
    """Print the measurements."""
    small = values(7_000 // BLOCK)
    loaders = {"compiled": yaml.CSafeLoader, "pure": yaml_nodes.PurePythonLoader}
    for name, loader in loaders.items():
        yaml_nodes.LOADER = loader
        count = FILES if name == "compiled" else FILES // 10
        seconds = measure([small] * count, 1)
        print(f"{name:<9} {count / seconds:7.0f} files of 7 kB per second, one tag each")
        print(f"{name:<9} {measure([values(TAGS)], TAGS):7.2f} s for {TAGS} tags in one file")
    yaml_nodes.LOADER = yaml.CSafeLoader
    large = values(MEGABYTES * 1_000_000 // BLOCK)
    print(f"{'compiled':<9} {measure([large], 1):7.2f} s for one tag in {MEGABYTES} MB")
    print(f"{'release':<9} {measure_release(small):7.0f} files of 7 kB per second, one tag each")
    if YQ:
        seconds = measure_yq([small] * (FILES // 10), 1)
        print(f"{'yq':<9} {FILES // 10 / seconds:7.0f} files of 7 kB per second, one tag each, all in one process")
        print(f"{'yq':<9} {measure_yq([values(TAGS)], TAGS):7.2f} s for {TAGS} tags in one file")
        print(f"{'yq':<9} {measure_yq([large], 1):7.2f} s for one tag in {MEGABYTES} MB")


def values(services: int) -> str:
    """Return an env file of so many *services*."""
    return "".join(SERVICE.format(number=number) for number in range(services))


def measure(texts: list[str], tags: int) -> float:
    """Return how many seconds the edit of *tags* tags in each of *texts* takes."""
    wanted = {f"service-{number}": Artifact("1.1.0") for number in range(tags)}
    path = TagPath.parse("{service}.tag")
    started = time.perf_counter()
    for text in texts:
        edited = EnvFile(path="envs/dev.yaml", text=text, tag_path=path).with_artifacts(wanted)
        assert edited.text != text
    return time.perf_counter() - started


RELEASED = """
import sys, time
sys.path[:0] = [sys.argv[1] + "/actions/site", sys.argv[1]]
from actions.infra.env_file import EnvFile
from actions.infra.tag_path import TagPath
from actions.tags import Artifact
text, path, started = sys.stdin.read(), TagPath.parse("{service}.tag"), time.perf_counter()
for _ in range(100):
    EnvFile(path="envs/dev.yaml", text=text, tag_path=path).with_artifacts({"service-0": Artifact("1.1.0")})
print(100 / (time.perf_counter() - started))
"""


def measure_release(text: str) -> float:
    """Return how many edits of one tag in *text* a release does in a second, with libyaml as on Ubuntu 24.04."""
    with tempfile.TemporaryDirectory() as folder:
        make_release(Path(folder, "release"))
        command = [sys.executable, "-I", "-S", "-c", RELEASED, str(Path(folder, "release"))]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure_yq(texts: list[str], tags: int) -> float:
    """Return how many seconds yq takes for the same."""
    program = " | ".join(f'."service-{number}".tag = "1.1.0"' for number in range(tags))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.yaml") for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        started = time.perf_counter()
        subprocess.run([str(YQ), "-y", "-i", program, *map(str, paths)], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
