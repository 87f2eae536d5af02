#!/usr/bin/env bash
# Create a virtual environment with the first Python found that is new enough.
#
#   make-venv.sh FOLDER
set -euo pipefail

venv=$1
here=$(dirname "$0")

say() {
  echo "make: $*" >&2
}

find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  return 1
}

if ! python=$(find_python); then
  "$here/install-packages.sh" 'python3.13|python3.12|python3.11' || true
  if ! python=$(find_python); then
    say "Skewline needs Python 3.11 or newer: install it, for example from python.org, and try again."
    exit 1
  fi
fi

# Debian keeps a part of `venv` in a package of its own.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if ! "$here/install-packages.sh" "python$version-venv"; then
    say "This Python cannot create virtual environments: install the package python$version-venv."
    exit 1
  fi
fi

"$python" -m venv --clear "$venv"
