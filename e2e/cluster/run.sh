#!/usr/bin/env bash
# Runs a whole cluster on this machine: etcd, Kubernetes' control plane, nodes with containerd, kubelet and kube-proxy, and Causeway installed by helm.
# As root; everything happens in namespaces, cgroups and a temporary folder of its own, which are gone afterwards.
# usage: e2e/cluster/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
e2e/image/ensure.sh
exec e2e/lib/suite.sh cluster e2e/cluster/cluster.e2e.ts
