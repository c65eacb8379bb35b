#!/bin/sh
# The first process of a guest: runs the program that the kernel's command line names (causeway.test=FILE), and powers the guest off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
ln -sfn /proc/self/fd /dev/fd
mkdir -p /run/netns
ip link set lo up
for word in $(cat /proc/cmdline); do
  case $word in causeway.test=*) program=${word#causeway.test=} ;; esac
done
cd /causeway
node "e2e/kernels/guest/$program" 2>&1
echo "guest: exit $?"
poweroff -f
