#!/usr/bin/env bash
# Makes a fresh Debian machine with Node and npm ready: Debian packages, npm packages, build. Does only what is missing.
# usage: e2e/setup.sh demo|test
set -euo pipefail
cd "$(dirname "$0")/.."
. e2e/lib/apt.sh

purpose=${1:?usage: e2e/setup.sh demo|test}
packages=(gcc libc6-dev make musl-tools libuv1-dev nftables iproute2 iputils-ping util-linux)
if [ "$purpose" = test ]; then packages+=(clang libclang-rt-14-dev clang-format-14 ethtool fish iptables procps shellcheck zsh); fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "These Debian packages are missing: ${missing[*]}" >&2
    echo "Install them with: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  echo "Installing Debian packages: ${missing[*]}"
  apt_get update -qq
  apt_get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! cmp -s package-lock.json node_modules/.causeway-lock; then
  echo "Installing npm packages"
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.causeway-lock
fi

echo "Building shim, addon and agent"
npm run -s build
