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

# When a process was started, in clock ticks since the machine was (proc(5), field 22 of stat): with the PID, it names a process for good.
started() {
  sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# What earlier runs have left that were killed before they could clean up.
folders=${TMPDIR:-/tmp}/causeway-e2e
for old in "$folders"-*-*; do
  [ -d "$old" ] || continue
  IFS=- read -r pid start <<<"${old#"$folders"-}"
  if [ "$(started "$pid")" = "$start" ]; then continue; fi
  echo "Removing what the run of process $pid has left"
  e2e/lib/clean-up.sh "$old" "cwe2e-$pid" || true
done

export CAUSEWAY_E2E_TAG=cwe2e-$$
CAUSEWAY_E2E_FOLDER=$folders-$$-$(started $$)
mkdir -m 700 "$CAUSEWAY_E2E_FOLDER"
CAUSEWAY_E2E_LOGS=$(mktemp -d "${TMPDIR:-/tmp}/causeway-logs-XXXXXX")
export CAUSEWAY_E2E_FOLDER CAUSEWAY_E2E_LOGS
finish() {
  local status=$?
  e2e/lib/clean-up.sh "$CAUSEWAY_E2E_FOLDER" "$CAUSEWAY_E2E_TAG" || [ $status -ne 0 ] || status=1
  if [ $status -eq 0 ]; then rm -r "$CAUSEWAY_E2E_LOGS"; else echo "Logs of all processes are in $CAUSEWAY_E2E_LOGS" >&2; fi
  exit $status
}
trap finish EXIT
# In the background, because bash would put a signal off until the tests have ended.
node e2e/lib/run-tests.ts "$file" &
tests=$!
trap 'kill $tests 2>/dev/null; exit 130' INT TERM
wait $tests
