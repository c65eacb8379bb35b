# Sourced by the scripts of this folder, in the root of the repository: buildah with its own storage in the cache, without registries.
PATH=$PWD/node_modules/.bin:$PATH
cache=${CAUSEWAY_CACHE:-$PWD/.cache}

if [ "$(id -u)" != 0 ]; then
  echo "image: debootstrap and buildah's mounts need root" >&2
  exit 1
fi
# What buildah mounts is unmounted when it ends, however it does.
if [ -z "${CAUSEWAY_OWN_MOUNTS:-}" ]; then
  cd "$OLDPWD"
  CAUSEWAY_OWN_MOUNTS=1 exec unshare --mount "$BASH" "$0" "$@"
fi

e2e/lib/packages.sh image

. e2e/lib/apt.sh
. e2e/lib/lock.sh
. e2e/lib/npm.sh
. e2e/image/base.sh

fail() {
  echo "image: $*" >&2
  exit 1
}

mkdir -p "$cache/containers"
take_lock "$cache/containers/.lock" image "works with images in \"$cache/containers\""

# Always the same folder, also for what buildah keeps for a moment: of a run that was killed, the next one removes it, and its containers.
work=$cache/containers/work
rm -rf --one-file-system "$work"
mkdir -p "$work/tmp"
export TMPDIR=$work/tmp
cat >"$work/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$cache/containers/storage"
runroot = "$work/run"
CONF
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$work/policy.json"
echo 'unqualified-search-registries = []' >"$work/registries.conf"
# npm inside asks the registry that npm asks here, and trusts whom it trusts.
registry=$(npm config get registry)
printf 'registry=%s\ncafile=/etc/ssl/certs/ca-certificates.crt\n' "$registry" >"$work/npmrc"
export CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_REGISTRIES_CONF=$work/registries.conf

remove_containers() {
  buildah umount --all >/dev/null
  buildah rm --all >/dev/null
}
remove_containers
# What a script has not finished.
unfinished=
clean_up() {
  remove_containers || true
  rm -rf --one-file-system "$work" ${unfinished:+"$unfinished"}
}
trap clean_up EXIT

# What containers see of this machine: chroot isolation and its network, since all else needs what build machines may lack.
isolation=(--isolation chroot --network host --volume /etc/ssl/certs:/etc/ssl/certs:ro --volume "$work/npmrc:/root/.npmrc:ro")

# build REFERENCE ARGUMENT...: builds the Dockerfile on the base; what it says is shown when it fails. Earlier builds are removed, but for the layers
# of images that still have a name, which the next build takes.
build() {
  local reference=$1
  shift
  ensure_base
  echo "Building $reference"
  buildah bud --layers --pull-never --signature-policy "$work/policy.json" "${isolation[@]}" --build-arg "NODE_IMAGE=$base" \
    --tag "$reference" "$@" . >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
  }
  buildah rmi --prune >/dev/null
}
