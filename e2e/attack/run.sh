#!/usr/bin/env bash
# Attacks nodes for real, from inside pods, from a foreign machine on their network, and by what is said about nodes. As root; everything is in network
# namespaces and a temporary folder of its own, which are gone afterwards.
# usage: [ATTACKS=REGEXP] e2e/attack/run.sh   ATTACKS: only groups whose title matches, such as overlay
exec "$(dirname "$0")/../lib/suite.sh" attack e2e/attack/attack.e2e.ts
