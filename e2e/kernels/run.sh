#!/usr/bin/env bash
# Boots guests with Debian's own kernels under QEMU's emulation, and runs the image's agent and shim in them. As root; nothing of it touches the machine's
# network.
# usage: e2e/kernels/run.sh [--all | --kernel NAME]   every suite on every kernel, or on one; with UPDATE_DOCS=1 the results go into docs/support.md
set -euo pipefail
case ${1:-} in
"") ;;
--all) export CAUSEWAY_KERNELS="5.10 6.1 6.12 newest" ;;
--kernel) export CAUSEWAY_KERNELS=${2:?name of a kernel} ;;
*)
  echo "e2e/kernels: unknown option $1" >&2
  exit 2
  ;;
esac
folder=$(dirname "$0")
"$folder"/../image/build.sh
exec "$folder"/../lib/suite.sh kernels e2e/kernels/kernels.e2e.ts
