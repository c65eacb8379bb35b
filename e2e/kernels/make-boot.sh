#!/usr/bin/env bash
# What a kernel needs until it has its disks: an archive with busybox and the drivers, and a disk with all of its modules.
# usage: make-boot.sh KERNEL_FOLDER INITRAMFS MODULES
set -euo pipefail
kernel=${1:?folder with lib/modules} initramfs=${2:?archive} modules=${3:?disk}
cd "$(dirname "$0")"
PATH=$PATH:/usr/sbin:/sbin
busybox=$(command -v busybox)
version=$(ls "$kernel/lib/modules")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir "$root"/{bin,dev,drivers,root}
cp "$busybox" "$root/bin/busybox"
for name in insmod mount sh switch_root; do ln -s busybox "$root/bin/$name"; done
cp boot.sh "$root/init"
number=10
for driver in virtio_pci virtio_blk ext4; do
  while read -r kind file _; do
    if [ "$kind" != insmod ]; then continue; fi
    number=$((number + 1))
    # Not compressed: busybox cannot unpack them.
    case $file in
    *.xz) xz -dc "$file" ;;
    *.zst) zstd -qdc "$file" ;;
    *) cat "$file" ;;
    esac >"$root/drivers/$number-$(basename "$file" | sed 's/\.ko.*//').ko"
  done < <(modprobe -d "$kernel" -S "$version" --show-depends "$driver")
done
(cd "$root" && find . -print0 | cpio --null --quiet -o -H newc) >"$initramfs"
rm -f "$modules"
mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$kernel/lib/modules" "$modules" 256M
