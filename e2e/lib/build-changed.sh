#!/usr/bin/env bash
# Builds shim, addon and agent if anything of them has changed since they were built.
# usage: e2e/lib/build-changed.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH

# esbuild writes the program last, so its time is that of the whole build.
built=dist/causeway.mjs
if [ ! -e $built ] || [ -n "$(find agent cni-shim package-lock.json -newer $built ! -name '*.test.ts' -type f -print -quit)" ]; then
  echo "Building shim, addon and agent"
  npm run -s build
fi
