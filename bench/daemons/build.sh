#!/usr/bin/env bash
# Gives the path of flannel's daemon, built once from its Go module. Only the client of one cloud's routes is left out: no-tencent stands in for it.
# usage: bench/daemons/build.sh
set -euo pipefail
cd "$(dirname "$0")"
. ../../e2e/lib/build-go.sh
# A backend that flanneld always has is in C.
export CGO_ENABLED=1
build_driver "bench:daemons" flanneld 26 "flannel's daemon" "two CPU minutes" github.com/flannel-io/flannel
