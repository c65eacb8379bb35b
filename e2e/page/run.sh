#!/usr/bin/env bash
# Looks at a node's page with a real headless Chromium, next to a real agent. As root; everything is in network namespaces and a temporary folder of
# its own, which are gone afterwards. With UPDATE_SCREENSHOT=1 it takes the picture of the docs anew.
# With PICTURES=FOLDER it keeps pictures in both colour schemes and for a phone there, to be looked at.
# usage: e2e/page/run.sh
exec "$(dirname "$0")/../lib/suite.sh" page e2e/page/page.e2e.ts
