"""Cleans up after this process however it ends, be it by SIGKILL."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

# It waits for the end of its input, which comes when the process at the other end of the pipe is gone. Then it ends
# everybody in its process group, which it leads, and removes the folder.
SCRIPT = """
trap "" INT TERM HUP
cat > /dev/null
kill -TERM 0
for _ in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$1" 2> /dev/null
    [ -e "$1" ] || break
    sleep 0.5
done
kill -KILL 0
"""


class Guard:
    """Guards *folder*; processes that are started in its *group* end with this process too."""

    def __init__(self, folder: Path) -> None:
        command = ["sh", "-c", SCRIPT, "guard", str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)

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
