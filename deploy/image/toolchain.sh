#!/bin/sh
# Steps of the Dockerfile's build stage, for a target of this machine's architecture or of another one.
# usage: toolchain.sh install|build ARCHITECTURE   ARCHITECTURE: as Docker and Debian call it, amd64 or arm64
set -eu
step=$1 architecture=$2

case $architecture in
amd64) machine=x86_64 max_shim_size=40960 ;;
arm64) machine=aarch64 max_shim_size=81920 ;;
*)
  echo "toolchain: cannot build for \"$architecture\", only for amd64 and arm64" >&2
  exit 1
  ;;
esac

install() {
  compiler=gcc
  if [ "$architecture" != "$(dpkg --print-architecture)" ]; then
    compiler=gcc-$(echo "$machine" | tr _ -)-linux-gnu
    dpkg --add-architecture "$architecture"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends make libuv1-dev "$compiler" \
    "libc6-dev:$architecture" "linux-libc-dev:$architecture" "musl-dev:$architecture" >/dev/null
}

# The image's own files below image/, as they lie in it.
build() {
  gcc=$machine-linux-gnu-gcc
  # What musl-gcc of musl-tools does, which is there for this machine's architecture only.
  make -s -C cni-shim MUSL_CC="$gcc -specs /usr/lib/$machine-linux-musl/musl-gcc.specs" HOST_CC="$gcc" MAX_SIZE="$max_shim_size"
  make -s -C agent/native CC="$gcc"
  npm run -s build:agent
  mkdir -p image/opt/causeway/bin image/usr/local/bin image/usr/share/doc/causeway
  cp dist/causeway.mjs dist/kernel.node image/opt/causeway/
  cp dist/bin/causeway image/opt/causeway/bin/
  cp deploy/image/causeway image/usr/local/bin/
  cp LICENSE image/usr/share/doc/causeway/
  node deploy/image/write-bill.ts dist/metafile.json image/usr/share/doc/causeway
}

"$step"
