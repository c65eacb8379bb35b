#!/usr/bin/env bash
# Boots guests with Debian's own kernels under QEMU's emulation, and runs agent and shim in them. As root; nothing of it touches the machine's network.
# usage: e2e/kernels/run.sh
exec "$(dirname "$0")/../lib/suite.sh" kernels e2e/kernels/kernels.e2e.ts
