#!/usr/bin/env bash
# Renders the chart with its defaults, for those who have no helm.
# usage: deploy/render.sh >deploy/causeway.yaml   (HELM: the program to use, default helm)
set -euo pipefail
cd "$(dirname "$0")/.."
cat <<'HEADER'
# The chart charts/causeway with its defaults, rendered by deploy/render.sh: change the chart, not this file.
#   kubectl apply --filename deploy/causeway.yaml
# Image, folders of the nodes and settings are values of the chart: docs/configuration.md.
HEADER
"${HELM:-helm}" template causeway charts/causeway --namespace kube-system --skip-tests
