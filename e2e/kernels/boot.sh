#!/bin/sh
# The first process of a guest, from its archive: loads the drivers of its disks, and goes on from there.
mount -t devtmpfs dev /dev
for driver in /drivers/*.ko; do insmod "$driver" 2>/dev/null; done
mount -t ext4 /dev/vda /root
mount -t ext4 -o ro /dev/vdb /root/lib/modules
exec switch_root /root /causeway/e2e/kernels/init.sh
