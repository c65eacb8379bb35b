#!/usr/bin/env bash
# Runs the pods' whole life with real containerd, once with Debian 12's 1.6 and once with the newest that Debian has; with CONTAINERD=1.7 with
# Debian 13's alone. As root; everything happens in namespaces and a temporary folder of its own, which are gone afterwards.
# usage: [CONTAINERD=1.7] e2e/containerd/run.sh
exec "$(dirname "$0")/../lib/suite.sh" containerd e2e/containerd/containerd.e2e.ts
