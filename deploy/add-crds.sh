#!/usr/bin/env bash
# Puts the CustomResourceDefinition of ClusterNetworkPolicy into the chart, for its value crds.install: the standard channel of the Network Policy API, of
# the release whose conformance tests we run. It is that project's, so git does not keep it; a released chart has it.
# usage: deploy/add-crds.sh [CHART]   CHART: the chart's folder, default charts/causeway. GO: the program to use, default go.
set -euo pipefail
root=$(dirname "$0")/..
chart=${1:-$root/charts/causeway}
module=sigs.k8s.io/network-policy-api
go=${GO:-go}
cd_module=(-C "$root/e2e/conformance/network-policy-api")

command -v "$go" >/dev/null || {
  echo "add-crds: there is no $go: it fetches $module, and checks that it is what its authors published" >&2
  exit 1
}
"$go" mod download "${cd_module[@]}" "$module"
folder=$("$go" list "${cd_module[@]}" -m -f '{{.Dir}}' "$module")
install -m 644 "$folder/config/crd/standard/policy.networking.k8s.io_clusternetworkpolicies.yaml" "$chart/files/clusternetworkpolicies.yaml"
