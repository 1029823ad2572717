#!/usr/bin/env bash
# duckdb.sh FOLDER: puts lib/libduckdb.so and include/duckdb.h below FOLDER, as tools/setup/duckdb.lock pins them.
#
# `npm pack` downloads from whatever registry this machine's npm is set up for; what arrives is only unpacked when its
# sha512 is the pinned one.  Nothing is done when FOLDER already holds what the lock file says.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lock=$here/duckdb.lock
target=${1:?usage: duckdb.sh FOLDER}
stamp=$target/lock

if cmp -s "$lock" "$stamp" && [ -f "$target/lib/libduckdb.so" ] && [ -f "$target/include/duckdb.h" ]; then
    exit 0
fi
for tool in npm openssl tar; do
    command -v $tool >/dev/null || { echo "duckdb.sh: $tool is missing (make setup installs it)" >&2; exit 1; }
done

mkdir -p "$target/lib" "$target/include"
work=$(mktemp -d "$target/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

# fetch PACKAGE VERSION INTEGRITY: sets tarball, a checked file in $work.  A package of several lines comes once.
tarball="" fetched=""
fetch() {
    local sum
    [ "$fetched" != "$1@$2" ] || return 0
    echo "fetching $1 $2"
    tarball=$(cd "$work" && npm pack --silent "$1@$2" 2>npm.log | tail -1) && [ -n "$tarball" ] || {
        cat "$work/npm.log" >&2
        echo "duckdb.sh: npm pack $1@$2 failed" >&2
        exit 1
    }
    sum=sha512-$(openssl dgst -sha512 -binary "$work/$tarball" | openssl base64 -A)
    if [ "$sum" != "$3" ]; then
        echo "duckdb.sh: $1 $2 does not have the pinned checksum" >&2
        echo "  pinned $3" >&2
        echo "  got    $sum" >&2
        exit 1
    fi
    fetched=$1@$2
}

machine=$(uname -m)
found_library=no
while read -r arch package version integrity file place; do
    case $arch in '' | '#'*) continue ;; esac
    [ "$arch" = any ] || [ "$arch" = "$machine" ] || continue
    fetch "$package" "$version" "$integrity"
    tar -xzf "$work/$tarball" -C "$work" "$file"
    mv -f "$work/$file" "$target/$place"
    case $place in lib/*) found_library=yes ;; esac
done <"$lock"

if [ $found_library = no ]; then
    echo "duckdb.sh: no libduckdb for $machine in duckdb.lock; set DUCKDB_ROOT to a folder with include/ and lib/" >&2
    exit 1
fi
cp "$lock" "$stamp"
