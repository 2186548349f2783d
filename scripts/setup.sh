#!/usr/bin/env bash
# setup.sh [build|test]: install the Debian 12 packages that are missing, and nothing else.
#
#   build   what building and running needs
#   test    that, and what the tests need (the default)
#
# Quick and silent when everything is there. Runs as root, or through sudo.
set -euo pipefail

build_packages=(
    gcc
    libc6-dev
    libcmocka-dev
    libgrpc-dev
    libjansson-dev
    liblmdb-dev
    libprotobuf-c-dev
    libssl-dev
    libxxhash-dev
    meson
    ninja-build
    pkg-config
    protobuf-c-compiler
    python3
    uthash-dev
)
test_packages=(
    binutils
    clang
    clang-format
    clang-tidy
    git
    libclang-rt-14-dev
    procps
    protobuf-compiler
    python3-grpcio
    python3-protobuf
    shellcheck
    spin
    strace
)

die() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

case "${1:-test}" in
build) wanted=("${build_packages[@]}") ;;
test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
*) die "unknown argument '$1': say build or test" ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    die "this is no Debian system (no apt-get): install the equivalents of: ${wanted[*]}"
fi

declare -A present=()
while read -r state name; do
    if [ "$state" = ii ]; then present[$name]=1; fi
done < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)

missing=()
for package in "${wanted[@]}"; do
    if [ -z "${present[$package]:-}" ]; then missing+=("$package"); fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "not root and no sudo: have root install: ${missing[*]}"
    as_root=(sudo)
    # A person at a terminal may be asked for a password; a script must not hang on one.
    if [ ! -t 0 ]; then
        as_root=(sudo -n)
        sudo -n true 2>/dev/null || die "sudo wants a password: have root install: ${missing[*]}"
    fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt() {
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=120 "$@" </dev/null >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        die "apt-get $1 failed (above); wanted: ${missing[*]}"
    fi
}

printf 'setup: installing %s\n' "${missing[*]}" >&2
apt update
apt install --no-install-recommends "${missing[@]}"
printf 'setup: installed %d packages\n' "${#missing[@]}" >&2
