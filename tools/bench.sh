#!/usr/bin/env bash
# bench.sh [NAME...]: measurements under bench/ (each bench/<name>.mjs or bench/<name>.sh), against the release build;
# without a name `report`, which writes bench/RESULTS.md.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh release
cmake --build build/release --target bench_http_load bench_ai bench_duckdb_run bench_fsync_rate bench_catalog | tail -1
export LAKEHOUSE_BIN=$PWD/build/release/bin/lakehouse
found=no
for script in bench/*.mjs bench/*.sh; do
    [ -f "$script" ] || continue
    name=$(basename "${script%.*}")
    case " ${*:-report} " in *" $name "*) ;; *) continue ;; esac
    found=yes
    echo "== $name"
    case $script in *.mjs) node "$script" ;; *) bash "$script" ;; esac
done
[ $found = yes ] || { echo "bench: nothing under bench/ has that name" >&2; exit 1; }
