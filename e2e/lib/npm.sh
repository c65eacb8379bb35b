# Sourced: packages of npm for the e2e suites.

# npm_package NAME VERSION FOLDER: the files of a package, without its dependencies and without running anything of it.
npm_package() {
  mkdir -p "$3"
  (cd "$3" && npm pack --silent --ignore-scripts "$1@$2" >/dev/null && tar -xzf ./*.tgz --strip-components=1 && rm ./*.tgz)
}
