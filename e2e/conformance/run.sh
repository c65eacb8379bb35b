#!/usr/bin/env bash
# Runs the tests that others have written for policies against a whole cluster with Causeway: the conformance tests of the Network Policy API, and
# those of NetworkPolicy from Kubernetes. As root; everything happens in namespaces, cgroups and a temporary folder of its own.
# usage: [CONFORMANCE_REPORT=PATH] e2e/conformance/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
e2e/image/ensure.sh
exec e2e/lib/suite.sh conformance e2e/conformance/conformance.e2e.ts
