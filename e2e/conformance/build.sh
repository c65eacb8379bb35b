#!/usr/bin/env bash
# Gives a folder with agnhost, the image of the tests, and with the tests themselves, and prints its path: built once (five CPU minutes) from the
# modules of Kubernetes and of the Network Policy API.
# usage: e2e/conformance/build.sh
set -euo pipefail
cd "$(dirname "$0")"
cache=${CAUSEWAY_CACHE:-$PWD/../../.cache}

fail() {
  echo "conformance: $*" >&2
  exit 1
}

source_hash=$(find build.sh netpol network-policy-api sctp -type f -print0 | sort -z | xargs -0 cat | sha256sum | cut -c 1-12)
target=$cache/conformance-$source_hash
mkdir -p "$cache"
# Whoever comes second waits for the first one's build.
exec 9>"$target.lock"
flock 9
if [ ! -d "$target" ]; then
  minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || minor=0
  [ "${minor:-0}" -ge 26 ] || fail "Go 1.26 or newer is needed to build the conformance tests: install it as https://go.dev/doc/install tells" \
    "and put its bin folder into PATH"
  echo "Building the conformance tests: about five CPU minutes, once" >&2
  work=$(mktemp -d "$target.new-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  export CGO_ENABLED=0
  flags=(-trimpath -ldflags '-s -w')
  go build -C netpol "${flags[@]}" -o "$work/agnhost" k8s.io/kubernetes/test/images/agnhost >&2 || fail "cannot build agnhost"
  go test -C netpol "${flags[@]}" -c -o "$work/netpol.test" . >&2 || fail "cannot build the Netpol tests"
  api=sigs.k8s.io/network-policy-api
  go test -C network-policy-api "${flags[@]}" -c -o "$work/cluster-network-policy.test" $api/conformance >&2 || fail "cannot build the tests of $api"
  crds=$(go list -C network-policy-api -m -f '{{.Dir}}' $api)/config/crd
  for channel in standard experimental; do cp "$crds/$channel"/policy.networking.k8s.io_*.yaml "$work/$channel.yaml"; done
  chmod -R u+w "$work"
  chmod 755 "$work"
  mv -T "$work" "$target"
fi
echo "$target"
