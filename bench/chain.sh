#!/bin/sh
# Runs bridge and portmap one after the other, as libcni does for a conflist of both. Files: CHAIN_BRIDGE is the configuration of bridge,
# CHAIN_PORTMAP that of portmap without its closing brace, CHAIN_RESULT the result of the ADD for a DEL.
# usage: CHAIN_FOLDER=PLUGINS CHAIN_BRIDGE=FILE CHAIN_PORTMAP=FILE CHAIN_RESULT=FILE chain.sh
set -e
case $CNI_COMMAND in
ADD)
  "$CHAIN_FOLDER/bridge" <"$CHAIN_BRIDGE" >"$CHAIN_RESULT"
  { cat "$CHAIN_PORTMAP"; echo ',"prevResult":'; cat "$CHAIN_RESULT"; echo '}'; } | "$CHAIN_FOLDER/portmap"
  ;;
DEL)
  { cat "$CHAIN_PORTMAP"; echo ',"prevResult":'; cat "$CHAIN_RESULT"; echo '}'; } | "$CHAIN_FOLDER/portmap"
  "$CHAIN_FOLDER/bridge" <"$CHAIN_BRIDGE"
  ;;
*) "$CHAIN_FOLDER/bridge" <"$CHAIN_BRIDGE" ;;
esac
