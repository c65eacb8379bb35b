#!/usr/bin/env bash
# Kernel tests once more where other tools, files and languages are: with the nft of Debian 13 and the newest that Debian has, without /etc, in German.
# What a tool prints depends on all of these, and none of it may matter. No root, but for getting packages that are missing.
# usage: e2e/tools-matrix/run.sh [--whole]   --whole: every file that names nft in every surrounding, not only those that read and write its tables
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
e2e/lib/packages.sh tools-matrix
cache=${CAUSEWAY_CACHE:-$PWD/.cache}

files=(agent/kernel/nft/nftables.netns.test.ts agent/plan/rules/golden-rulesets.netns.test.ts agent/test/field-cases/host-ports.netns.test.ts agent/test/agent/surroundings.netns.test.ts)
if [ "${1:-}" = --whole ]; then
  mapfile -t files < <(grep -rlw --include='*.netns.test.ts' nft agent | grep -v /old-nft | sort)
fi

# Programs behind links such as awk and iptables are there without /etc as well.
work=$(mktemp -d "${TMPDIR:-/tmp}/causeway-tools-XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -a /etc/alternatives "$work"
hide_etc='mount -t tmpfs tmpfs /etc && cp -a "$0/alternatives" /etc && exec "$@"'

passed=0 failed=0
# surrounding NAME COMMAND...: runs the tests in what the command makes around them.
surrounding() {
  local name=$1 ok bad status=0
  shift
  echo "=== $name"
  "$@" node agent/testing/runner/run-kernel-tests.ts "${tests[@]}" 2>&1 | tee "$work/log" || status=$?
  ok=$(awk '/^ℹ pass/ { n += $3 } END { print n + 0 }' "$work/log")
  bad=$(awk '/^ℹ (fail|cancelled)/ { n += $3 } END { print n + 0 }' "$work/log")
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  passed=$((passed + ok)) failed=$((failed + bad))
  case $name in "nftables v"*) node e2e/lib/record-tried.ts "$(sed 's/nftables v\([0-9.]*\)[^,]*/nft \1/' <<<"$name")" "$ok" "$bad" ;; esac
}
# Without /etc there are none of its certificates, and Node.js would tell each program's user so.
without_etc=(env -u NODE_EXTRA_CA_CERTS unshare -rm bash -c "$hide_etc" "$work")
german=(env "LOCPATH=$cache/locales" LC_ALL=de_DE.UTF-8 LANGUAGE=de)
newest=$cache/nft/newest
trixie=$cache/nft/trixie

# One that is too old is not worked around, but told of.
tests=(agent/kernel/nft/old-nft.netns.test.ts)
surrounding "nft of Debian 11" env "CAUSEWAY_TEST_OLD_NFT=$cache/nft/too-old"

tests=("${files[@]}")
surrounding "$("$newest/nft" --version), without /etc" "${without_etc[@]}" env "PATH=$newest:$PATH"
surrounding "$("$trixie/nft" --version)" env "PATH=$trixie:$PATH"
surrounding "$(nft --version), without /etc, in German" "${without_etc[@]}" "${german[@]}"
if [ "${1:-}" = --whole ]; then
  surrounding "$("$newest/nft" --version), in German" "${german[@]}" env "PATH=$newest:$PATH"
  surrounding "$(nft --version), in German" "${german[@]}"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
