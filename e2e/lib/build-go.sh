# Sourced by scripts that give the path of a program of their own in Go, built once from ./driver and a module of others.

# build_driver SUITE NAME MINOR WHAT TIME [PACKAGE]: prints the path of NAME, which Go 1.MINOR builds from ./driver beside ./build.sh, or from a PACKAGE that
# ./driver requires. SUITE begins messages, WHAT is what is built, TIME how long it takes. Without C unless CGO_ENABLED says otherwise.
build_driver() {
  local suite=$1 name=$2 needed=$3 what=$4 time=$5 package=${6:-.} cache source_hash target minor
  fail() {
    echo "$suite: $*" >&2
    exit 1
  }
  cache=${CAUSEWAY_CACHE:-$PWD/../../.cache}
  source_hash=$(cat build.sh "${BASH_SOURCE[0]}" driver/* | sha256sum | cut -c 1-12)
  target=$cache/$name-$source_hash
  mkdir -p "$cache"
  # Whoever comes second waits for the first one's build.
  exec 9>"$target.lock"
  flock 9
  if [ ! -e "$target" ]; then
    minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || minor=0
    [ "${minor:-0}" -ge "$needed" ] || fail "Go 1.$needed or newer is needed to build $what: install it as https://go.dev/doc/install tells" \
      "and put its bin folder into PATH"
    echo "Building $what: about $time, once" >&2
    CGO_ENABLED=${CGO_ENABLED:-0} go build -C driver -trimpath -ldflags '-s -w' -o "$target.new" "$package" >&2 || fail "cannot build $what"
    mv "$target.new" "$target"
  fi
  echo "$target"
}
