#!/usr/bin/env bash
# Install Debian packages, where this user may: as root, or with a sudo that asks for no password.
#
#   install-packages.sh PACKAGE[|OTHER...]...
#
# Of names joined by | it takes the first that the system offers. Ends with status 1 if it may not
# install, or if a package could not be installed; the others are installed all the same.
set -euo pipefail

as_root=()
if [[ $EUID -ne 0 ]]; then
  as_root=(sudo --non-interactive)
fi

may_install() {
  command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null
}

first_offered() {
  local name
  for name in ${1//|/ }; do
    if apt-cache show "$name" >/dev/null 2>&1; then
      echo "$name"
      return
    fi
  done
  return 1
}

install() {
  local package
  package=$(first_offered "$1") || return 1
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --quiet --no-install-recommends "$package"
}

may_install || exit 1
"${as_root[@]}" apt-get update --quiet || exit 1
status=0
for wanted in "$@"; do
  install "$wanted" || status=1
done
exit "$status"
