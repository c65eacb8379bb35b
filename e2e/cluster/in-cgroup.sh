#!/usr/bin/env bash
# Runs a command in a cgroup of every hierarchy; the cgroup is made where it is missing.
# usage: in-cgroup.sh CGROUP COMMAND [ARGUMENT...]   CGROUP: path below the hierarchies' roots
set -euo pipefail
cgroup=$1
shift
for hierarchy in /sys/fs/cgroup/*/; do
  mkdir -p "$hierarchy$cgroup"
  # A cpuset takes no process before it has processors and memory; it inherits none.
  if [ -e "$hierarchy/cpuset.cpus" ]; then
    parent=$hierarchy
    for part in ${cgroup//\// }; do
      for file in cpuset.cpus cpuset.mems; do cat "$parent/$file" >"$parent/$part/$file"; done
      parent=$parent/$part
    done
  fi
  echo $$ >"$hierarchy$cgroup/cgroup.procs"
done
exec "$@"
