#!/usr/bin/env bash
# All that a guest has, as the archive that its kernel unpacks into memory at the start: the root of all guests, the kernel's modules, and the
# configuration that it was built with, at a place of tests alone: where programs look for it a container has none.
# usage: make-boot.sh KERNEL_FOLDER ROOT OUTPUT   ROOT: of make-root.sh
set -euo pipefail
kernel=${1:?folder with lib/modules} root=${2:?archive} output=${3:?archive}
# Beside the output, where it is gone with it when this is killed.
work=$(mktemp -d "$output.work-XXXXXX")
trap 'rm -rf "$work"' EXIT
# There the root has them: its /lib is a link to /usr/lib.
mkdir -p "$work/usr/lib"
cp -r "$kernel/lib/modules" "$work/usr/lib/"
# In /boot, or, since Debian 14, with the modules.
shopt -s nullglob
configs=("$kernel"/boot/config-* "$kernel"/lib/modules/*/config)
cp "${configs[0]}" "$work/usr/lib/kernel-config"
(cat "$root" && cd "$work" && find usr/lib/modules usr/lib/kernel-config -print0 | cpio --null --quiet -o -H newc) >"$work/archive"
mv "$work/archive" "$output"
