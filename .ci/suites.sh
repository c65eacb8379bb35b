# Sourced by .ci/run and .ci/full: runs suites one after the other in the root of the repository, and adds up what they say.
set -uo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
failures=$(mktemp)
passed=0
failed=0

# Runs one suite, and adds up the test runner's counts; a suite that fails without counting a failure is one failure.
suite() {
  local name=$1
  shift
  echo "=== $name"
  "$@" 2>&1 | tee "$log"
  local status=${PIPESTATUS[0]}
  local ok bad
  ok=$(grep -oE '^ℹ pass [0-9]+' "$log" | awk '{n += $3} END {print n + 0}')
  bad=$(grep -oE '^ℹ (fail|cancelled) [0-9]+' "$log" | awk '{n += $3} END {print n + 0}')
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$status" -eq 0 ] && [ "$ok" -eq 0 ]; then ok=1; fi
  passed=$((passed + ok))
  failed=$((failed + bad))
  if [ "$status" -ne 0 ]; then note_failure "$name"; fi
  echo "=== $name: exit $status"
}

# Keeps what the test runner says of failures once more at its end, or else the suite's last lines: the whole output is long.
note_failure() {
  echo "=== $1 failed" >>"$failures"
  { sed -n '/^✖ failing tests:/,$p' "$log" | grep . || tail -n 40 "$log"; } | head -n 200 >>"$failures"
}

# What fits into the time of each change.
run_suites() {
  suite "README tests" npm test
  suite "fuzz" npm run test:fuzz
  suite "README demo" npm run demo
  suite "tools" npm run test:kernel:matrix
  suite "chart" npm run e2e:chart
  suite "image" npm run e2e:image
  suite "containerd" npm run e2e:containerd
  suite "libcni" npm run e2e:libcni
  suite "nodes" npm run e2e:nodes
  suite "encryption" npm run e2e:encryption
  suite "attack" npm run e2e:attack
  suite "kernels" npm run e2e:kernels
  suite "page" npm run e2e:page
  suite "podman" npm run e2e:podman
  suite "cluster" npm run e2e:cluster
  suite "prometheus" npm run e2e:prometheus
  suite "bench" npm run bench -- --gate
  suite "datapath" npm run bench:datapath -- --gate
  suite "footprint" npm run bench:footprint -- --gate
  suite "http flood" npm run bench:http-flood -- --gate
  suite "hot path" npm run bench:hot-path
  suite "ports" npm run bench:ports
  suite "scale" npm run bench:scale -- --gate
}

# Ends with the line "N passed, N failed" over all suites. A file that a suite has left or changed is a failure.
finish() {
  if [ -n "$(git status --porcelain)" ]; then
    git status --short
    failed=$((failed + 1))
  fi
  cat "$failures"
  rm -f "$log" "$failures"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}
