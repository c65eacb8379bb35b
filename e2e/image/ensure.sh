#!/usr/bin/env bash
# Builds dist/image.tar if it is missing or older than what it is made from.
# usage: e2e/image/ensure.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

image=dist/image.tar
sources=(agent cni-shim deploy/image e2e/image/{base,build,buildah}.sh .npmrc Dockerfile LICENSE package.json package-lock.json tsconfig.json)
if [ ! -e $image ] || [ -n "$(find "${sources[@]}" -newer $image ! -name '*.test.ts' -type f -print -quit)" ]; then
  e2e/image/build.sh $image
fi
