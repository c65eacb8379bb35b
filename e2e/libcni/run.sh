#!/usr/bin/env bash
# Runs every CNI verb through the real libcni, alone and in chains with the reference plugins. As root; everything happens in network
# namespaces and a temporary folder of its own, which are gone afterwards.
# usage: e2e/libcni/run.sh
exec "$(dirname "$0")/../lib/suite.sh" libcni e2e/libcni/libcni.e2e.ts
