#!/usr/bin/env bash
# Bring what the tests need beside Python: Chromium, a JDK, Maven and, with it, Apache Kafka, and
# Node.js with an OpenID Connect provider.
#
# Installs only what is missing. Where it may not install it says what to install and goes on: the
# tests that need it are then skipped, or fail with CI=true.
set -euo pipefail

cd "$(dirname "$0")/.."
oldest_java=17

say() {
  echo "make test: $*" >&2
}

has() {
  command -v "$1" >/dev/null
}

has_chromium() {
  has chromium || has chromium-browser || has google-chrome
}

has_playwright() {
  # A minimal Debian lacks a library that Playwright's driver, a Node.js, is linked against.
  .venv/bin/playwright --version >/dev/null 2>&1
}

has_jdk() {
  local java=${JAVA_HOME:+$JAVA_HOME/bin/}java
  local version
  version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p') || return 1
  [[ -n $version && $version -ge $oldest_java ]]
}

missing=()
has_chromium || missing+=('chromium|chromium-browser')
has_playwright || missing+=('libatomic1')
has_jdk || missing+=('openjdk-25-jdk-headless|openjdk-21-jdk-headless|openjdk-17-jdk-headless')
has mvn || missing+=('maven')
has node || missing+=('nodejs')
has npm || missing+=('npm')

if [[ ${#missing[@]} -gt 0 ]] && ! scripts/install-packages.sh "${missing[@]}"; then
  has_chromium || say 'Chromium is missing: install it to run the browser tests.'
  has_playwright || say 'Playwright does not start: install libatomic1 to run the browser tests.'
  has_jdk || say "A JDK is missing: install version $oldest_java or newer to run the Kafka tests."
  has mvn || say 'Maven is missing: install it to run the Kafka tests.'
  has npm || say 'npm is missing: install it to run the tests of signing in.'
fi

if has mvn; then
  "${MAKE:-make}" --no-print-directory kafka ||
    say 'Maven could not get Apache Kafka: the reason is above.'
  "${MAKE:-make}" --no-print-directory registry ||
    say 'Maven could not get the schema registry: the reason is above.'
fi

if has npm; then
  "${MAKE:-make}" --no-print-directory oidc ||
    say 'npm could not get the OpenID Connect provider: the reason is above.'
fi
