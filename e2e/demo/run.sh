#!/usr/bin/env bash
# Runs the demo in namespaces of its own. Works with and without root.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec e2e/lib/own-namespaces.sh npm exec --offline -- node e2e/demo/demo.ts
