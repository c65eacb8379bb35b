#!/usr/bin/env bash
# Builds the image, looks into it, and runs it as the chart's DaemonSet would, in real containerd. As root; everything is in namespaces and a
# temporary folder of its own, which are gone afterwards.
# usage: e2e/image/run.sh
set -euo pipefail
folder=$(dirname "$0")
"$folder"/../lib/packages.sh chart
"$folder"/../lib/packages.sh containerd
"$folder"/build.sh
"$folder"/arm64.sh
exec "$folder"/../lib/suite.sh image e2e/image/image.e2e.ts
