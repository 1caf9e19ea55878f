#!/usr/bin/env bash
# Finds Chromium for the browser tests, or installs it where this user may. In CI a missing browser is an error.
set -eu
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
for app in "/Applications/Google Chrome.app" "/Applications/Chromium.app"; do
  [ -d "$app" ] && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
  exit 0
fi
if [ -n "${CI:-}" ]; then
  echo "Chromium is missing and cannot be installed here; the browser tests need it in CI." >&2
  exit 1
fi
echo "Chromium is missing: install it (for example 'apt-get install chromium') to run the browser tests." >&2
