#!/usr/bin/env bash
# bench.sh [NAME...]: the measurements under bench/ (each bench/<name>.mjs or bench/<name>.sh), against the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh release
export LAKEHOUSE_BIN=$PWD/build/release/bin/lakehouse
found=no
for script in bench/*.mjs bench/*.sh; do
    [ -f "$script" ] || continue
    name=$(basename "${script%.*}")
    case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
    found=yes
    echo "== $name"
    case $script in *.mjs) node "$script" ;; *) bash "$script" ;; esac
done
[ $found = yes ] || { echo "bench: nothing under bench/ has that name" >&2; exit 1; }
