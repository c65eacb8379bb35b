#!/usr/bin/env bash
# Boots guests with Debian's own kernels under QEMU's emulation, and runs the image's agent and shim in them. As root; nothing of it touches the machine's
# network.
# usage: e2e/kernels/run.sh [--all] [--kernel NAME]... [--suite NAME]...   without an option, what each change runs; else the suites named on
#   the kernels named, all of them where none is. With UPDATE_DOCS=1 each result goes into its cell of docs/support.md as soon as it is there.
set -euo pipefail
kernels=() suites=()
while [ $# -gt 0 ]; do
  export CAUSEWAY_GUESTS=chosen
  case $1 in
  --all) shift ;;
  --kernel) kernels+=("${2:?name of a kernel}") && shift 2 ;;
  --suite) suites+=("${2:?name of a suite}") && shift 2 ;;
  *)
    echo "e2e/kernels: unknown option $1" >&2
    exit 2
    ;;
  esac
done
CAUSEWAY_KERNELS=$(IFS=, && echo "${kernels[*]}") CAUSEWAY_SUITES=$(IFS=, && echo "${suites[*]}")
export CAUSEWAY_KERNELS CAUSEWAY_SUITES
folder=$(dirname "$0")
node "$folder"/suites.ts
"$folder"/../image/build.sh
exec "$folder"/../lib/suite.sh kernels e2e/kernels/kernels.e2e.ts
