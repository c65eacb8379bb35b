#!/usr/bin/env bash
# Runs a real Prometheus beside a real agent that encrypts, and injects a fault for each alert. As root; everything is in network namespaces and a temporary
# folder of its own, which are gone afterwards. With UPDATE_DASHBOARD=1 it keeps what Prometheus has then for npm run docs, which draws docs/pictures/dashboard.svg.
# usage: e2e/prometheus/run.sh
cd "$(dirname "$0")/.."
exec encryption/with-userspace.sh lib/suite.sh prometheus e2e/prometheus/prometheus.e2e.ts
