#!/usr/bin/env bash
# Runs a whole cluster on this machine: etcd, Kubernetes' control plane, nodes with containerd, kubelet and kube-proxy, and Causeway installed by helm.
# As root; everything happens in namespaces, cgroups and a temporary folder of its own, which are gone afterwards.
# usage: e2e/cluster/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

image=dist/image.tar
if [ ! -e $image ] || [ -n "$(find agent cni-shim deploy/image Dockerfile package-lock.json -newer $image ! -name '*.test.ts' -type f -print -quit)" ]; then
  e2e/image/build.sh $image
fi
exec e2e/lib/suite.sh cluster e2e/cluster/cluster.e2e.ts
