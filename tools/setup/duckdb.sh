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

machine=$(uname -m)
found_library=no
while read -r arch package version integrity file place; do
    case $arch in '' | '#'*) continue ;; esac
    [ "$arch" = any ] || [ "$arch" = "$machine" ] || continue
    echo "fetching $package $version"
    # npm stops with an error of its own when it is run inside a package whose manifest it dislikes: run it elsewhere.
    tarball=$(cd "$work" && npm pack --silent "$package@$version" 2>npm.log | tail -1) && [ -n "$tarball" ] || {
        cat "$work/npm.log" >&2
        echo "duckdb.sh: npm pack $package@$version failed" >&2
        exit 1
    }
    sum=sha512-$(openssl dgst -sha512 -binary "$work/$tarball" | openssl base64 -A)
    if [ "$sum" != "$integrity" ]; then
        echo "duckdb.sh: $package $version does not have the pinned checksum" >&2
        echo "  pinned $integrity" >&2
        echo "  got    $sum" >&2
        exit 1
    fi
    tar -xzf "$work/$tarball" -C "$work" "$file"
    mv -f "$work/$file" "$target/$place"
    case $place in lib/*) found_library=yes ;; esac
done <"$lock"

if [ $found_library = no ]; then
    echo "duckdb.sh: no libduckdb for $machine in duckdb.lock; set DUCKDB_ROOT to a folder with include/ and lib/" >&2
    exit 1
fi
cp "$lock" "$stamp"
