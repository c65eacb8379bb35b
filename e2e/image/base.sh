# Sourced by buildah.sh: the base image, which is like node:24-bookworm-slim.
debian=bookworm npm=11.6.2
node=$(node -p 'require("./package.json").devDependencies.node')

# Its apt takes Debian from where this machine does.
sources=()
for source in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
  if [ -s "$source" ]; then sources+=("$source"); fi
done

# Named after all that it is made from: with another Node, another Debian or another script, it is another image.
base=localhost/node:$node-$debian-$(cat "${BASH_SOURCE[0]}" "${sources[@]}" | sha256sum | cut -c 1-12)

# Makes the base image, unless it is there: Debian's smallest root file system without what nobody reads in a container, Node and npm.
ensure_base() {
  local root=$work/base installed uri container source other
  if buildah inspect --type image "$base" >/dev/null 2>&1; then return; fi
  installed=$(node_modules/node/bin/node --version)
  [ "$installed" = "v$node" ] || fail "node_modules has Node ${installed#v}, and package.json names $node: run npm ci"
  echo "Making a base image of Debian $debian with Node $node"
  uri=$(mirror) || fail "no mirror for Debian $debian"
  debootstrap --variant=minbase --include=ca-certificates "$debian" "$root" "$uri" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail "debootstrap failed"
  }
  rm -rf "$root"/usr/share/{doc,info,lintian,locale,man}/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
  rm -f "$root/etc/apt/sources.list"
  for source in "${sources[@]}"; do cp "$source" "$root$source"; done
  cp node_modules/node/bin/node "$root/usr/local/bin/node"
  npm_package npm "$npm" "$root/usr/local/lib/node_modules/npm" || fail "cannot get npm $npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  chmod 755 "$root"

  container=$(buildah from scratch)
  buildah add -q "$container" "$root" / >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --entrypoint '[]' --cmd node "$container"
  buildah commit -q --rm --signature-policy "$work/policy.json" "$container" "$base" >/dev/null
  rm -rf "$root"
  # Without a name, others go when the images on them do.
  for other in $(buildah images --format '{{.Name}}:{{.Tag}}' --filter reference=localhost/node); do
    if [ "$other" != "$base" ]; then buildah rmi "$other" >/dev/null; fi
  done
}
