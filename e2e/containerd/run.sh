#!/usr/bin/env bash
# Runs the pods' whole life with real containerd, once with Debian 12's 1.6 and once with the newest that Debian has. As root; everything
# happens in namespaces and a temporary folder of its own, which are gone afterwards.
# usage: e2e/containerd/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH

if [ "$(id -u)" != 0 ]; then
  echo "e2e/containerd: containerd and mounts need root" >&2
  exit 1
fi
e2e/lib/packages.sh containerd

# esbuild writes the program last, so its time is that of the whole build.
built=dist/causeway.mjs
if [ ! -e $built ] || [ -n "$(find agent cni-shim package-lock.json -newer $built ! -name '*.test.ts' -type f -print -quit)" ]; then
  echo "Building shim, addon and agent"
  npm run -s build
fi

export CAUSEWAY_E2E_TAG=cwe2e-$$
CAUSEWAY_E2E_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/causeway-e2e-XXXXXX")
export CAUSEWAY_E2E_FOLDER
finish() {
  local status=$?
  e2e/lib/clean-up.sh "$CAUSEWAY_E2E_FOLDER" "$CAUSEWAY_E2E_TAG" || [ $status -ne 0 ] || status=1
  exit $status
}
trap finish EXIT
# In the background, because bash would put a signal off until the tests have ended.
node e2e/lib/run-tests.ts e2e/containerd/containerd.e2e.ts &
tests=$!
trap 'kill $tests 2>/dev/null; exit 130' INT TERM
wait $tests
