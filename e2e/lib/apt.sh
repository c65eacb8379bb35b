# Sourced: apt-get for machines on which it is not alone. One that runs, as unattended upgrades do at boot, is waited for.

# For so long nothing may move in the process that holds a lock: it may be downloading, but not waiting for an answer.
APT_PATIENCE_S=${APT_PATIENCE_S:-300}

# The process that holds a lock, as the last attempt said; none when it said nothing of the kind.
apt_holder() {
  sed -nE 's/.*Could not get lock .*held by process ([0-9]+).*/\1/p' "$1" | head -n 1
}

# What changes while a process does anything: CPU time of it and its children, bytes.
apt_progress() {
  cut -d ' ' -f 14-17 "/proc/$1/stat" 2>/dev/null || true
  grep -E '^[rw]char' "/proc/$1/io" 2>/dev/null || true
}

# apt_get ARGUMENT...: like apt-get. DPkg::Lock::Timeout covers the locks of dpkg, and not those of lists and archives.
apt_get() {
  local said holder= before= now status since=$SECONDS told=
  said=$(mktemp)
  while :; do
    status=0
    LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -o "DPkg::Lock::Timeout=$APT_PATIENCE_S" "$@" 2>"$said" || status=$?
    holder=$(apt_holder "$said")
    if [ "$status" -eq 0 ] || [ -z "$holder" ]; then break; fi
    now="$holder $(apt_progress "$holder")"
    if [ "$now" != "$before" ]; then before=$now since=$SECONDS; fi
    if [ $((SECONDS - since)) -ge "$APT_PATIENCE_S" ]; then
      echo "Process $holder ($(cat "/proc/$holder/comm" 2>/dev/null)) holds apt's lock, and has done nothing for $APT_PATIENCE_S s: end it, or let it end" >&2
      break
    fi
    if [ "$holder" != "$told" ]; then
      echo "Waiting for process $holder ($(cat "/proc/$holder/comm" 2>/dev/null)), which holds apt's lock" >&2
      told=$holder
    fi
    sleep 1
  done
  cat "$said" >&2
  rm -f "$said"
  return "$status"
}

# mirror [SUITE]: the mirror that this machine takes its own Debian from; of a suite NAME-security, the one of its security updates. Fails where there
# is none.
mirror() {
  local codename kind=
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  case ${1:-} in *-security) kind=-security ;; esac
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
    awk -v own="$codename" -v kind="$kind" '($2 == own kind || $2 ~ "^(stable|oldstable|testing|unstable|sid)" kind "$") && !found++ { print $1 }
      END { exit !found }'
}
