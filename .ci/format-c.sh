#!/usr/bin/env bash
# The style of all C files, which is written in .clang-format.
# usage: .ci/format-c.sh check|write
set -euo pipefail
cd "$(dirname "$0")/.."

# Another version formats differently.
program=clang-format-14
command -v "$program" >/dev/null || {
  echo "Cannot format C: $program is not installed; npm run setup installs it" >&2
  exit 1
}

case ${1:-} in
check) options=(--dry-run --Werror) ;;
write) options=(-i) ;;
*)
  echo "usage: .ci/format-c.sh check|write" >&2
  exit 2
  ;;
esac
find agent bench cni-shim e2e -name '*.[ch]' -print0 | xargs -0 "$program" "${options[@]}"
