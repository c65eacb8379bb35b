#!/usr/bin/env bash
# First process of a node's mount and PID namespaces: gives containerd a /run and a /var/lib of its own, because some paths below
# them are fixed in containerd and libcni (/run/containerd/s, /var/lib/cni), and reaps what its shims leave behind.
# usage: containerd-node.sh SCRATCH-FOLDER CONTAINERD [ARGUMENT...]
set -euo pipefail
scratch=$1
shift
mount -t tmpfs -o mode=755 tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work"
mount -t overlay -o "lowerdir=/var/lib,upperdir=$scratch/upper,workdir=$scratch/work" overlay /var/lib
mount -t tmpfs -o mode=755 tmpfs /run
"$@" &
wait $!
