#!/usr/bin/env bash
# The root file system of all guests, as an archive that a kernel unpacks: the image's own root, so that what ships is what runs; tools of this machine that
# tests call, with their libraries; and below /causeway the tests, with what is in the image as their dist.
# usage: make-root.sh OUTPUT
set -euo pipefail
output=$(realpath -m "${1:?file}")
mkdir -p "$(dirname "$output")"
cd "$(dirname "$0")/../.."
. e2e/image/buildah.sh
unfinished=$output.new
version=$(node -p 'require("./package.json").version')
container=$(buildah from --pull-never --signature-policy "$work/policy.json" "localhost/causeway:$version")
root=$(buildah mount "$container")

# with_libraries PROGRAM...: the program and its shared libraries, at their own paths.
tools=$cache/packages/guest-tools libraries=x86_64-linux-gnu
with_libraries() {
  local program needed file target
  for program in "$@"; do
    needed=$(LD_LIBRARY_PATH=$tools/lib/$libraries:$tools/usr/lib/$libraries ldd "$program") || fail "cannot tell the libraries of $program"
    case $needed in *'not found'*) fail "$program lacks a library:"$'\n'"$needed" ;; esac
    for file in "$program" $(grep -oE '/[^ ]+' <<<"$needed"); do
      target=${file#"$tools"}
      target=$root/$(realpath "$(dirname "$target")")/$(basename "$target")
      if [ ! -e "$target" ]; then cp -L "$file" "$target"; fi
    done
  done
}
for tool in bridge ethtool ip kmod ping ss sysctl tc xtables-nft-multi; do
  program=$(command -v "$tool") || fail "this machine has no $tool, which guests need"
  with_libraries "$program"
done
with_libraries "$tools"/sbin/ipvsadm "$tools"/usr/bin/socat
ln -sf ../bin/kmod "$root/usr/sbin/modprobe"
# iptables is one program of many names, with a library for each match and target.
for name in iptables-nft ip6tables-nft; do ln -sf xtables-nft-multi "$root/usr/sbin/$name"; done
cp -r "/usr/lib/$libraries/xtables" "$root/usr/lib/$libraries/"
cp "$cache/packages/busybox/bin/busybox" "$root/usr/bin/busybox"
for name in awk kill nc pgrep ps; do [ -e "$root/usr/bin/$name" ] || ln -s busybox "$root/usr/bin/$name"; done

# The image's Node runs the tests as well; of the packages, only what they import.
mkdir -p "$root/causeway"
tar -c --exclude=node_modules/{@biomejs,@esbuild,@oxlint,@oxlint-tsgolint,@types,@typescript,axe-core,esbuild,node,oxlint,playwright-core,typescript} \
  --exclude='node_modules/.*' agent bench charts e2e node_modules package.json | tar -x -C "$root/causeway"
ln -s ../opt/causeway "$root/causeway/dist"
make -s -C bench
make -s -C agent/testing/programs
mkdir "$root/opt/causeway/bench"
cp dist/bench/{empty,floor,launch,traffic} "$root/opt/causeway/bench/"
cp -r dist/test "$root/opt/causeway/"

mkdir -p "$root/lib/modules"
(cd "$root" && find . -print0 | cpio --null --quiet -o -H newc) >"$unfinished"
mv "$unfinished" "$output"
