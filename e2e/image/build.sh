#!/usr/bin/env bash
# Builds the image with buildah as CI does, without a registry: first a base image like node:24-bookworm-slim, from Debian's mirror and
# npm's node and npm, then the Dockerfile on it. Writes an OCI archive, for "ctr images import" and its likes. As root.
# usage: e2e/image/build.sh [ARCHIVE [REFERENCE]]   default: dist/image.tar localhost/causeway:VERSION
set -euo pipefail
cd "$(dirname "$0")/../.."
. e2e/image/buildah.sh
version=$(node -p 'require("./package.json").version')
archive=$(realpath -m "${1:-dist/image.tar}") reference=${2:-localhost/causeway:$version}

revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# The first stage under a name, too, so that its layers are there for the next build.
build localhost/causeway-build:own --target build
build "$reference" --build-arg "VERSION=$version" --build-arg "REVISION=$revision"
mkdir -p "$(dirname "$archive")"
unfinished=$archive.new
rm -f "$unfinished"
buildah push -q --signature-policy "$work/policy.json" "$reference" "oci-archive:$unfinished:$reference"
# As old as what is in it, so that ensure.sh sees what has changed since the build began.
touch -r "$work/storage.conf" "$unfinished"
mv "$unfinished" "$archive"
echo "Wrote $archive"
