#!/usr/bin/env bash
# Tests the chart with real helm 3 and 4 and the schemas of Kubernetes' API: no root, no cluster.
# usage: e2e/chart/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
e2e/lib/packages.sh chart
exec node e2e/lib/run-tests.ts e2e/chart/chart.e2e.ts
