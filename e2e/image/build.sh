#!/usr/bin/env bash
# Builds the image with buildah as CI does, without a registry: first a base image like node:24-bookworm-slim, from Debian's mirror and
# npm's node and npm, then the Dockerfile on it. Writes an OCI archive, for "ctr images import" and its likes. As root.
# usage: e2e/image/build.sh [ARCHIVE [REFERENCE]]   default: dist/image.tar localhost/causeway:VERSION
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
version=$(node -p 'require("./package.json").version')
archive=$(realpath -m "${1:-dist/image.tar}") reference=${2:-localhost/causeway:$version}
cache=${CAUSEWAY_CACHE:-$PWD/.cache}
base=localhost/node:24-bookworm-slim

if [ "$(id -u)" != 0 ]; then
  echo "image: debootstrap and buildah's mounts need root" >&2
  exit 1
fi
e2e/lib/packages.sh image

work=$(mktemp -d "${TMPDIR:-/tmp}/causeway-image-XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
mkdir -p "$cache/containers"
cat >"$work/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$cache/containers/storage"
runroot = "$work/run"
CONF
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$work/policy.json"
echo 'unqualified-search-registries = []' >"$work/registries.conf"
# npm inside asks the registry that npm asks here, and trusts whom it trusts.
printf 'registry=%s\ncafile=/etc/ssl/certs/ca-certificates.crt\n' "$(npm config get registry)" >"$work/npmrc"
export CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_REGISTRIES_CONF=$work/registries.conf

# Makes the base image from the root file system that packages.sh has made, unless it is there.
ensure_base() {
  local container
  if buildah inspect --type image "$base" >/dev/null 2>&1; then return; fi
  echo "Making the base image"
  container=$(buildah from scratch)
  buildah add -q "$container" "$cache/base-image" / >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --entrypoint '[]' --cmd node "$container"
  buildah commit -q --rm --signature-policy "$work/policy.json" "$container" "$base" >/dev/null
}

ensure_base
echo "Building $reference"
# chroot isolation and the machine's network: all else needs what build machines may lack.
buildah bud --quiet --layers --pull-never --signature-policy "$work/policy.json" --isolation chroot --network host \
  --volume /etc/ssl/certs:/etc/ssl/certs:ro --volume "$work/npmrc:/root/.npmrc:ro" \
  --build-arg "NODE_IMAGE=$base" --build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  --tag "$reference" . >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
mkdir -p "$(dirname "$archive")"
rm -f "$archive"
buildah push -q --signature-policy "$work/policy.json" "$reference" "oci-archive:$archive:$reference"
echo "Wrote $archive"
