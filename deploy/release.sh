#!/usr/bin/env bash
# Makes a release into dist/release: chart, checksums, bill of materials; then signs, attests and pushes. docs/release.md.
# usage: deploy/release.sh prepare          everything up to the push; says what it left out, and why
#        deploy/release.sh push REGISTRY    pushes image, chart, signatures and attestation, such as registry.example.com/causeway
# GPG_KEY: name of the key that signs the chart; GPG_KEYRING: a file with it as `gpg --export-secret-keys` writes it.
# IMAGE: archive of the image, default dist/image.tar. HELM, GO: the programs to use, default helm and go.
set -euo pipefail
cd "$(dirname "$0")/.."

helm=${HELM:-helm}
image=${IMAGE:-dist/image.tar}
release=dist/release
version=$(sed -n 's/^version: //p' charts/causeway/Chart.yaml)
left_out=()

skip() {
  echo "left out: $*" >&2
  left_out+=("$*")
}

fail() {
  echo "release: $*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null; }

check_versions() {
  local package app
  package=$(sed -n 's/^  "version": "\(.*\)",/\1/p' package.json)
  app=$(sed -n 's/^appVersion: //p' charts/causeway/Chart.yaml)
  if [ "$package" != "$version" ] || [ "$app" != "$version" ]; then fail "package.json has $package, the chart $version and $app: they must be the same"; fi
  grep -q "^## $version" CHANGELOG.md || fail "CHANGELOG.md has no heading \"## $version\""
}

package_chart() {
  has "$helm" || fail "there is no helm: it is needed for the chart"
  if has "${GO:-go}"; then deploy/add-crds.sh; else skip "the definition of ClusterNetworkPolicy in the chart: there is no ${GO:-go}"; fi
  "$helm" lint --quiet charts/causeway
  if [ -n "${GPG_KEY:-}" ]; then
    "$helm" package --sign --key "$GPG_KEY" --keyring "${GPG_KEYRING:?names the file with the key}" --destination "$release" charts/causeway
    "$helm" verify --keyring "$GPG_KEYRING" "$release/causeway-$version.tgz"
  else
    "$helm" package --destination "$release" charts/causeway
    skip "the chart's signature: GPG_KEY names no key"
  fi
}

write_bill() {
  [ -e dist/metafile.json ] || fail "dist/metafile.json is missing: npm run build"
  node deploy/image/write-bill.ts dist/metafile.json "$release"
}

copy_image() {
  if [ -e "$image" ]; then cp "$image" "$release/causeway-$version.image.tar"; else skip "the image: there is no $image (e2e/image/build.sh)"; fi
}

write_checksums() {
  local sums
  sums=$(cd "$release" && find . -type f -printf '%P\n' | sort | xargs sha256sum)
  printf '%s\n' "$sums" >"$release/SHA256SUMS"
  if [ -n "${GPG_KEY:-}" ]; then
    gpg --batch --yes --local-user "$GPG_KEY" --armor --detach-sign --output "$release/SHA256SUMS.asc" "$release/SHA256SUMS"
  else
    skip "the signature of the checksums: GPG_KEY names no key"
  fi
}

prepare() {
  check_versions
  rm -rf "$release"
  mkdir -p "$release"
  package_chart
  write_bill
  copy_image
  write_checksums
  has cosign || skip "image signature and attestation: there is no cosign; push needs it"
  echo "release $version is in $release:"
  (cd "$release" && ls -1)
  echo "left out: ${#left_out[@]}"
}

push() {
  local registry=$1 reference digest
  ! grep -rqi 'example\.com' charts/causeway/Chart.yaml SECURITY.md || fail "example.com stands for the project's address in Chart.yaml or SECURITY.md: docs/release.md"
  [ -e "$release/SHA256SUMS.asc" ] || fail "nothing signed is in $release: GPG_KEY=… deploy/release.sh prepare"
  (cd "$release" && sha256sum --quiet --check SHA256SUMS)
  for tool in cosign skopeo; do has "$tool" || fail "there is no $tool: it is needed to push"; done
  reference=$registry/causeway:$version
  skopeo copy --all "docker-archive:$release/causeway-$version.image.tar" "docker://$reference"
  digest=$(skopeo inspect --format '{{.Digest}}' "docker://$reference")
  cosign sign --yes "$registry/causeway@$digest"
  cosign attest --yes --type cyclonedx --predicate "$release/sbom.cdx.json" "$registry/causeway@$digest"
  "$helm" push "$release/causeway-$version.tgz" "oci://$registry/charts"
  echo "pushed $registry/causeway@$digest"
}

case ${1:-} in
  prepare) prepare ;;
  push) push "${2:?usage: deploy/release.sh push REGISTRY}" ;;
  *)
    sed -n '2,6s/^# //p' "$0" >&2
    exit 2
    ;;
esac
