"""The tools of `make lint`, and what may stand after `uses:`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
OURS = "your-org/gitops-actions/"
PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
