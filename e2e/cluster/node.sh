#!/usr/bin/env bash
# First process of a node's namespaces: makes its file system, whose folders of programs are the machine's, and turns into a process that only reaps
# what containerd's shims leave behind.
# usage: node.sh NAME ROOT INIT [SOURCE=TARGET...]   SOURCE: folder of the machine, for reading only at TARGET below ROOT
set -euo pipefail
name=$1 root=$2 init=$3
shift 3

mount --bind "$root" "$root"
for bind in "$@"; do mount --bind -o ro "${bind%%=*}" "$root${bind#*=}"; done
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t sysfs sysfs "$root/sys"
mount -t proc proc "$root/proc"
# Only /proc/sys/net is the node's, the rest is the machine's. A kubelet insists on setting some of that: it gets files that look the same.
for part in fs kernel vm; do mount --bind -o ro "$root/proc/sys/$part" "$root/proc/sys/$part"; done
mkdir "$root/run/sysctl"
for setting in kernel/keys/root_maxbytes kernel/keys/root_maxkeys kernel/panic kernel/panic_on_oops vm/overcommit_memory vm/panic_on_oom; do
  copy=$root/run/sysctl/${setting//\//.}
  cat "/proc/sys/$setting" >"$copy"
  mount --bind "$copy" "$root/proc/sys/$setting"
done

mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
for hierarchy in /sys/fs/cgroup/*/; do
  controller=$(basename "$hierarchy")
  options=$controller
  case $controller in
  unified) continue ;;
  systemd) options=none,name=systemd ;;
  esac
  mkdir "$root/sys/fs/cgroup/$controller"
  mount -t cgroup -o "$options" cgroup "$root/sys/fs/cgroup/$controller"
done

hostname "$name"
ip link set lo up
# As the set-up guides of Kubernetes want it on every node.
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
cd "$root"
pivot_root . machine
umount -l machine
exec "$init"
