#!/bin/sh
# Installs what the build needs and the machine lacks: Debian packages, with sudo if need be.
# --check: says nothing, exits 0 if all is there. --browser: Chromium too, for the one test that needs it.
# --peers: what the benchmark runs beside mayfly, and what its npm packages are built with.
set -eu
cd "$(dirname "$0")/.."

packages="gcc make pkg-config libc6-dev libjavascriptcoregtk-4.1-dev libuv1-dev libjansson-dev libmd-dev ca-certificates"
# What the cell's binary has besides the engine: WebCrypto, compression, WebSocket.
packages="$packages libssl-dev zlib1g-dev libbrotli-dev libwslay-dev"
# What the egress process has besides.
packages="$packages libcurl4-openssl-dev libc-ares-dev libseccomp-dev libzstd-dev"
# For make check: the fuzzers, and the header as C++.
packages="$packages g++ clang libclang-rt-dev procps openssl"
[ -e /usr/include/llhttp.h ] || packages="$packages node-llhttp"

[ "${1:-}" != --browser ] || packages="$packages chromium"
[ "${1:-}" != --peers ] || packages="$packages bubblewrap python3"

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"

if [ "${1:-}" = --check ]; then
    [ -z "$missing" ]
    exit
fi
[ -z "$missing" ] && exit 0

echo "installing:$missing"
sudo=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "not root and no sudo: install these packages, then run make again" >&2; exit 1; }
    sudo="sudo"
fi
$sudo apt-get update -q
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
