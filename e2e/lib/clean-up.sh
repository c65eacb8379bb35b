#!/usr/bin/env bash
# Removes what a run of e2e tests has left because it was interrupted: processes, network namespaces, cgroups, its folder. Exit code 1
# when there was anything but the empty folder, each named: tests that end by themselves leave nothing.
# usage: e2e/lib/clean-up.sh FOLDER TAG
set -uo pipefail
folder=${1:?folder of the run} tag=${2:?tag of the run}
status=0

found() {
  echo "clean-up: left behind: $*" >&2
  status=1
}

for file in "$folder"/*/pids/*; do
  [ -e "$file" ] || continue
  pid=$(basename "$file")
  # A process of the same number that started at another time is somebody else's.
  started=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)
  if [ "$started" = "$(cat "$file")" ]; then
    found "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    kill -KILL "$pid"
  fi
done
for name in $(ip netns list | awk -v tag="$tag-" 'index($1, tag) == 1 { print $1 }'); do
  found "network namespace $name"
  for pid in $(ip netns pids "$name"); do
    found "process $pid in it: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    kill -KILL "$pid"
  done
  ip netns del "$name"
done

cgroups() {
  find /sys/fs/cgroup -maxdepth 2 -type d -name "$tag" 2>/dev/null
}
if [ -n "$(cgroups)" ]; then found "cgroup $tag"; fi
# Killed processes leave their cgroups a moment later.
for _ in {1..50}; do
  for cgroup in $(cgroups); do find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null; done
  if [ -z "$(cgroups)" ]; then break; fi
  sleep 0.1
done
if [ -n "$(cgroups)" ]; then found "cgroup $tag, which cannot be removed"; fi

if [ -n "$(ls -A "$folder")" ]; then found "files in $folder"; fi
rm -rf --one-file-system "$folder"
exit $status
