#!/usr/bin/env bash
# Runs the tests of one file in a temporary folder, and removes whatever they leave, also when a signal ends them.
# usage: e2e/lib/run-in-folder.sh FILE
set -euo pipefail
cd "$(dirname "$0")/../.."
file=${1:?file with the tests}

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
tests=
finish() {
  local status=$?
  trap '' INT TERM HUP
  if [ -n "$tests" ]; then kill -KILL -- "-$tests" "$tests" 2>/dev/null || true; fi
  e2e/lib/clean-up.sh "$CAUSEWAY_E2E_FOLDER" "$CAUSEWAY_E2E_TAG" || [ $status -ne 0 ] || status=1
  if [ $status -eq 0 ]; then rm -r "$CAUSEWAY_E2E_LOGS"; else echo "Logs of all processes are in $CAUSEWAY_E2E_LOGS" >&2; fi
  exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
# In the background, because bash would put a signal off until the tests have ended. In a session of their own, because all of it must be gone
# before the rest is removed: what still runs would make more.
setpriv --pdeathsig KILL setsid node e2e/lib/run-tests.ts "$file" &
tests=$!
status=0
wait $tests || status=$?
tests=
exit $status
