#!/usr/bin/env bash
# Runs one suite as root: gets its packages, builds what changed, runs its tests in a temporary folder, and removes whatever they leave.
# usage: e2e/lib/suite.sh SET FILE   SET: of e2e/lib/packages.sh   FILE: with the tests
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
packages=${1:?set of packages} file=${2:?file with the tests}

if [ "$(id -u)" != 0 ]; then
  echo "e2e/$packages: network namespaces and mounts need root" >&2
  exit 1
fi
e2e/lib/packages.sh "$packages"

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
node e2e/lib/run-tests.ts "$file" &
tests=$!
trap 'kill $tests 2>/dev/null; exit 130' INT TERM
wait $tests
