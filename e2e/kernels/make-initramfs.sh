#!/usr/bin/env bash
# Everything that a guest needs, in one archive for the kernel: kernel modules, busybox, Node, ip and nft of this machine with their libraries, the
# built program, and the tests that run in the guest. Uncompressed: emulation would take longer to unpack it.
# usage: make-initramfs.sh KERNEL_FOLDER OUTPUT
set -euo pipefail
cd "$(dirname "$0")/../.."
kernel=${1:?folder with lib/modules} output=${2:?archive}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# with_libraries PROGRAM...: the program and its shared libraries, at their own paths.
with_libraries() {
  local program file
  for program in "$@"; do
    for file in "$(realpath "$program")" $(ldd "$program" 2>/dev/null | grep -oE '/[^ ]+'); do
      mkdir -p "$root$(dirname "$file")"
      cp -Ln "$file" "$root$file"
    done
  done
}

mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{proc,sys,dev,run,tmp,etc,causeway/dist/bin,causeway/e2e/kernels}
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
cp "$(command -v busybox)" "$root/bin/busybox"
for name in cat ln mkdir mount nc ping poweroff sleep uname; do ln -s busybox "$root/bin/$name"; done
node=$(realpath node_modules/node/bin/node)
# Not busybox's shell, which takes its own ip for the machine's.
with_libraries "$node" "$(command -v dash)" "$(command -v ip)" "$(command -v nft)" "$(command -v kmod)"
ln -s "$node" "$root/bin/node"
ln -s dash "$root/bin/sh"
ln -s ../bin/kmod "$root/sbin/modprobe"
version=$(ls "$kernel/lib/modules")
mkdir -p "$root/lib/modules/$version/kernel"
cp "$kernel/lib/modules/$version"/modules.{order,builtin*} "$root/lib/modules/$version/"
for part in net drivers/net lib crypto arch/x86/crypto; do
  source=$kernel/lib/modules/$version/kernel/$part
  [ -d "$source" ] || continue
  mkdir -p "$root/lib/modules/$version/kernel/$part"
  cp -r "$source/." "$root/lib/modules/$version/kernel/$part/"
done
depmod -b "$root" "$version"
cp dist/causeway.mjs dist/kernel.node "$root/causeway/dist/"
cp -r dist/bin/. "$root/causeway/dist/bin/"
cp package.json "$root/causeway/"
cp -r e2e/kernels/guest "$root/causeway/e2e/kernels/"
cp charts/causeway/files/connectivity.mts "$root/causeway/"
cp e2e/kernels/guest-init.sh "$root/init"
chmod 755 "$root/init"
(cd "$root" && find . -print0 | cpio --null --quiet -o -H newc) >"$output.new"
mv "$output.new" "$output"
