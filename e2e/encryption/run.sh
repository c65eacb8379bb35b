#!/usr/bin/env bash
# Encryption between nodes on a kernel that has no WireGuard (with-userspace.sh). As root.
# usage: e2e/encryption/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
with=e2e/encryption/with-userspace.sh
$with node agent/testing/runner/run-kernel-tests.ts e2e/encryption/devices.netns.test.ts e2e/encryption/by-hand.netns.test.ts
$with e2e/lib/suite.sh nodes e2e/encryption/nodes.e2e.ts
