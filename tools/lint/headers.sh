#!/usr/bin/env bash
# headers.sh: every header under src/ compiles alone, as C17, with gcc and with clang 14.
set -euo pipefail
cd "$(dirname "$0")/../.."

flags="-std=c17 -D_GNU_SOURCE -DLH_VERSION=\"0\" -Isrc -Wall -Wextra -Werror -Wshadow -Wconversion -Wmissing-prototypes
    -Wstrict-prototypes -Wvla -Wwrite-strings -Wno-unused-function"
flags="$flags $(pkg-config --cflags jansson libsodium libseccomp libcurl libmicrohttpd gnutls libedit sqlite3)"
flags="$flags -isystem ${DUCKDB_ROOT:-build/deps/duckdb}/include"
export flags

git ls-files -co --exclude-standard -z -- 'src/*.h' |
    xargs -0 -r -n 1 -P "$(nproc)" bash -c '
        [ -f "$1" ] || exit 0
        for compiler in gcc clang-14; do
            printf "#include \"%s\"\n" "${1#src/}" | $compiler $flags -fsyntax-only -x c - || {
                echo "$1: does not compile alone with $compiler"
                exit 1
            }
        done' _
