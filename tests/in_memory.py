"""Where the temporary files of the tests are: there are many small ones, and a disk takes long over them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - of Linux; what is made there has names of its own
ROOM = 6 << 30  # bytes, to be on the safe side: how many the tests need at once is not measured


def begin() -> None:
    """Have temporary files in memory, unless TMPDIR says where they are to be: where there is room to run them."""
    if "TMPDIR" not in os.environ and _has_room() and _runs_programs():
        os.environ["TMPDIR"] = str(MEMORY)  # for the processes to come
        tempfile.tempdir = None  # for this one, which may have looked already


def _has_room() -> bool:
    return MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM


def _runs_programs() -> bool:
    """Tell whether a program can be run there; it may be mounted otherwise, as in a container."""
    return not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
