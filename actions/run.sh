#!/usr/bin/env bash
# Run one entrypoint on a Python new enough, with the locked dependencies and nothing of the caller's.
# usage: run.sh <entrypoint.py>
set -euo pipefail

# The interpreter behind a caller's virtual environment, not the environment itself: it may have no pip.
probe='import sys; sys.version_info >= (3, 11) and print(sys._base_executable)'

ask() { # <python>: prints its path if it is new enough
  local answer
  answer=$("$1" -I -S -c "$probe" 2>/dev/null) || return 1
  printf '%s' "${answer%$'\r'}"
}

named() { # <python>: prints the file behind it if its name says that it is new enough, as python3.12 does
  local file
  file=$(readlink -f "$(type -P "$1")" 2>/dev/null) || return 1
  [[ ${file##*/} =~ ^python3\.(1[1-9]|[2-9][0-9])$ ]] && printf '%s' "$file"
}

newest_in_tool_cache() {
  local folder version python best='' rank best_rank=0
  for folder in "${RUNNER_TOOL_CACHE//\\//}"/Python/3.*/*; do
    version=${folder%/*}
    [[ ${version##*/} =~ ^3\.([0-9]+)\.([0-9]+)$ ]] || continue
    rank=$((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2]))
    ((rank > best_rank)) || continue
    for python in "$folder/bin/python3" "$folder/python.exe"; do
      if [[ -x $python && -n $(ask "$python") ]]; then best=$python best_rank=$rank; fi
    done
  done
  printf '%s' "$best"
}

# To ask it takes as long as to start it once more.
python=$(named python3 || ask python3) || python=''
if [[ -z $python && -n ${RUNNER_TOOL_CACHE:-} ]]; then python=$(newest_in_tool_cache); fi
if [[ -z $python ]]; then
  echo '::error title=gitops-actions::no Python 3.11 or newer: neither python3 nor the tool cache has one; add a step with actions/setup-python before this one'
  if [[ -n ${GITHUB_OUTPUT:-} ]]; then echo 'reason=no-python' >>"$GITHUB_OUTPUT"; fi
  exit 9
fi

# -I: nothing is imported from the caller's checkout or environment. -S: nor from this Python's own site-packages.
exec "$python" -I -S "${BASH_SOURCE[0]%/*}/launcher/bootstrap.py" "$1"
