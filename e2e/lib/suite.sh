#!/usr/bin/env bash
# Runs one suite as root: gets its packages, builds what changed, runs its tests (run-in-folder.sh).
# usage: e2e/lib/suite.sh SET FILE   SET: of e2e/lib/packages.sh   FILE: with the tests
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
packages=${1:?set of packages} file=${2:?file with the tests}

if [ "$(id -u)" != 0 ]; then
  echo "e2e/$packages: network namespaces and mounts need root" >&2
  exit 1
fi
e2e/lib/packages.sh "$packages"

e2e/lib/build-changed.sh

exec e2e/lib/run-in-folder.sh "$file"
