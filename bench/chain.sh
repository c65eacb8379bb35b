#!/bin/sh
# Runs a plugin (bridge, ptp) and portmap one after the other, as libcni does for a conflist of both. Files: CHAIN_CONFIG is that of the plugin,
# CHAIN_PORTMAP that of portmap without its closing brace, CHAIN_RESULT the result of the ADD for a DEL.
# usage: CHAIN_FOLDER=PLUGINS CHAIN_PLUGIN=NAME CHAIN_CONFIG=FILE CHAIN_PORTMAP=FILE CHAIN_RESULT=FILE chain.sh
set -e
case $CNI_COMMAND in
ADD)
  "$CHAIN_FOLDER/$CHAIN_PLUGIN" <"$CHAIN_CONFIG" >"$CHAIN_RESULT"
  { cat "$CHAIN_PORTMAP"; echo ',"prevResult":'; cat "$CHAIN_RESULT"; echo '}'; } | "$CHAIN_FOLDER/portmap"
  ;;
DEL)
  { cat "$CHAIN_PORTMAP"; echo ',"prevResult":'; cat "$CHAIN_RESULT"; echo '}'; } | "$CHAIN_FOLDER/portmap"
  "$CHAIN_FOLDER/$CHAIN_PLUGIN" <"$CHAIN_CONFIG"
  ;;
*) "$CHAIN_FOLDER/$CHAIN_PLUGIN" <"$CHAIN_CONFIG" ;;
esac
