#!/bin/sh
# The first process of a guest: runs the suite that the kernel's command line gives (causeway.suite=NAME,WORD,WORD…, _ for a blank in the name),
# and powers the guest off. For those who read the console, what it says itself begins with "guest:".
# Most of what a program of Node.js does at its start is to compile, which takes an emulated processor seconds.
export NODE_COMPILE_CACHE=/tmp/compiled NO_COLOR=1 PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp CAUSEWAY_E2E_FOLDER=/run/e2e CAUSEWAY_E2E_TAG=guest KERNEL_CONFIG=/usr/lib/kernel-config
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
ln -sfn /proc/self/fd /dev/fd
mkdir -p /run/netns $CAUSEWAY_E2E_FOLDER
ip link set lo up
cd /causeway
echo "guest: fact release $(uname -r)"
echo "guest: fact package $(uname -v | sed -n 's/.*Debian \([^ ]*\).*/\1/p')"
echo "guest: fact nft $(nft --version | sed 's/.* v\([^ ]*\).*/\1/')"
echo "guest: fact iproute2 $(ip -V | sed 's/.*iproute2-\([^,]*\).*/\1/')"
suite=$(sed 's/.*causeway\.suite=\([^ ]*\).*/\1/' /proc/cmdline | tr , ' ')
echo "guest: suite $(echo "${suite%% *}" | tr _ ' ')"
node ${suite#* } 2>&1
code=$?
# What the kernel says of programs that it has killed goes to no console.
[ $code -eq 0 ] || busybox dmesg | busybox tail -n 20
echo "guest: end $code"
busybox poweroff -f
