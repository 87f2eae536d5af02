#!/usr/bin/env bash
# Bring what benchmarks.read compares Skewline with beside Python: kcat. Nothing else needs it.
set -euo pipefail

cd "$(dirname "$0")/.."

if ! command -v kcat >/dev/null && ! scripts/install-packages.sh 'kcat|kafkacat'; then
  echo 'make compare: kcat is missing: install it, or its rows stay empty.' >&2
fi
