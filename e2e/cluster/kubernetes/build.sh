#!/usr/bin/env bash
# Gives a folder with kube-apiserver, kube-controller-manager, kube-scheduler, kubelet and kube-proxy, and prints its path: $KUBE_BIN_DIR if set, else
# one that is built once (ten CPU minutes) from the Kubernetes module and kept outside of the repository, so that also a fresh clone finds it.
# usage: [KUBERNETES=1.36] e2e/cluster/kubernetes/build.sh   KUBERNETES: another version than go.mod's, of which there is go-VERSION.mod
set -euo pipefail
cd "$(dirname "$0")"
programs=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet)

fail() {
  echo "kubernetes: $*" >&2
  exit 1
}

if [ -n "${KUBE_BIN_DIR:-}" ]; then
  for program in "${programs[@]}"; do [ -x "$KUBE_BIN_DIR/$program" ] || fail "no $program in KUBE_BIN_DIR \"$KUBE_BIN_DIR\""; done
  echo "$KUBE_BIN_DIR"
  exit
fi

modules=go${KUBERNETES:+-$KUBERNETES}
[ -e "$modules.mod" ] || fail "no $modules.mod for KUBERNETES \"$KUBERNETES\""
version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$modules.mod")
source_hash=$(cat build.sh "$modules.mod" "$modules.sum" main.go | sha256sum | cut -c 1-12)
target=${XDG_CACHE_HOME:-$HOME/.cache}/causeway/kubernetes/$version-$source_hash
mkdir -p "$(dirname "$target")"
# Whoever comes second waits for the first one's build.
exec 9>"$target.lock"
flock 9
if [ ! -d "$target" ]; then
  minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || minor=0
  needed=$(sed -n 's/^go 1\.\([0-9]*\).*/\1/p' "$modules.mod")
  [ "${minor:-0}" -ge "$needed" ] || fail "Go 1.$needed or newer is needed to build Kubernetes: install it as https://go.dev/doc/install tells" \
    "and put its bin folder into PATH, or set KUBE_BIN_DIR"
  echo "Building Kubernetes $version: about ten CPU minutes, once" >&2
  work=$(mktemp -d "$target.new-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  numbers=${version#v}
  name=k8s.io/component-base/version
  flags="-s -w -X $name.gitVersion=$version -X $name.gitMajor=${numbers%%.*} -X $name.gitMinor=$(cut -d . -f 2 <<<"$numbers")"
  CGO_ENABLED=0 go build -modfile "$modules.mod" -trimpath -ldflags "$flags" -o "$work/kubernetes" . >&2 || fail "cannot build Kubernetes $version"
  for program in "${programs[@]}"; do ln -s kubernetes "$work/$program"; done
  chmod 755 "$work"
  mv -T "$work" "$target"
fi
echo "$target"
