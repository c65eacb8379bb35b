#!/usr/bin/env bash
# Runs containers with Debian 12's podman, whose network is ours through its CNI backend. As root; everything happens in namespaces and a
# temporary folder of its own, which are gone afterwards.
# usage: e2e/podman/run.sh
exec "$(dirname "$0")/../lib/suite.sh" podman e2e/podman/podman.e2e.ts
