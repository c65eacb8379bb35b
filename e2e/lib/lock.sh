# Sourced: one run at a time where several would write the same files.

# take_lock FILE WHO WHAT: holds the lock until this script has ended, also when it is killed. WHO begins the message that another run, which does
# WHAT, is waited for.
take_lock() {
  # Programs that a script starts hold it as well, so that nothing of a killed one still writes when the next one begins.
  exec 9>"$1"
  if flock --nonblock 9; then return; fi
  echo "$2: waiting for another run, which $3" >&2
  flock 9
}
