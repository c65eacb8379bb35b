#!/usr/bin/env bash
# Runs five nodes on two networks, each with a real agent and pods, and everything that may happen between them. As root; everything is in network
# namespaces and a temporary folder of its own, which are gone afterwards.
# usage: e2e/nodes/run.sh
exec "$(dirname "$0")/../lib/suite.sh" nodes e2e/nodes/nodes.e2e.ts
