#!/usr/bin/env bash
# Compares verdicts of our tables, of our naive evaluator and of the engine of kube-network-policies on random clusters: no root, no network.
# usage: e2e/policy-engines/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
POLICY_ENGINE=$(e2e/policy-engines/build.sh)
export POLICY_ENGINE
exec node e2e/lib/run-tests.ts e2e/policy-engines/policy-engines.e2e.ts
