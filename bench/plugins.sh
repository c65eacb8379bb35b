#!/usr/bin/env bash
# Gets what the bench compares with: Debian's CNI plugins of bookworm and of sid, unpacked below $CAUSEWAY_CACHE/packages (default:
# .cache in the repository), and iptables, which they call. Only what is missing is fetched.
# Prints NAME=VERSION=FOLDER for each, separated by commas.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${CAUSEWAY_CACHE:-$PWD/.cache}
package=containernetworking-plugins

# apt-get with sources, lists and cache of one suite only: the machine's own package state stays as it is.
suite_apt() {
  local state=$cache/apt/$1
  shift
  apt-get -qq -o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state/cache" -o "Dir::Etc::SourceList=$state/suite.sources" \
    -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=false "$@" >&2
}

# unpack SUITE NAME: the plugins below packages/NAME, in one step, so that they are whole or absent.
unpack() {
  local suite=$1 target=$cache/packages/$2 state=$cache/apt/$1 work mirror
  if [ -d "$target" ]; then return; fi
  echo "Fetching $package of Debian $suite" >&2
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n 1p)
  [ -n "$mirror" ] || { echo "bench: no Debian mirror in the apt sources of this machine" >&2; exit 1; }
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$cache/packages"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$suite" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$state/suite.sources"
  suite_apt "$suite" update
  work=$(mktemp -d "$cache/packages/.new-XXXXXX")
  (cd "$work" && suite_apt "$suite" download "$package")
  dpkg -x "$work"/*.deb "$work/files"
  mv -T "$work/files" "$target"
  rm -rf "$work"
}

describe() {
  local root=$cache/packages/$2 version
  version=$(zcat "$root/usr/share/doc/$package/changelog.Debian.gz" | sed -n '1s/.*(\([0-9.]*\).*/\1/p')
  echo "$1=$version=$root/usr/lib/cni"
}

if ! command -v iptables >/dev/null; then
  echo "Installing Debian package iptables" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends iptables >/dev/null
fi
unpack bookworm cni-plugins
unpack sid cni-plugins-newest
echo "$(describe bookworm cni-plugins),$(describe newest cni-plugins-newest)"
