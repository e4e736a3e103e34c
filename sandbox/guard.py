"""Cleans up after this process however it ends, be it by SIGKILL."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

# It waits for the end of its input, which comes when the process at the other end of the pipe is gone. Then it ends
# everybody in its process group, which it leads, and removes the folder.
CODE = """
import os, shutil, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
sys.stdin.buffer.read()
os.killpg(0, signal.SIGTERM)
for _ in range(50):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    if not os.path.exists(sys.argv[1]):
        break
    time.sleep(0.1)
os.killpg(0, signal.SIGKILL)
"""


class Guard:
    """Guards *folder*; processes that are started in its *group* end with this process too."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", CODE, str(folder)], stdin=subprocess.PIPE, process_group=0
        )

    @property
    def group(self) -> int:
        """Return the process group to start processes in."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
