#!/usr/bin/env bash
# vector.sh [NAME...]: our vector indexes beside the installed peers, and without NAMEs the growing index, on both workloads;
# tables in Markdown.  LAKEHOUSE_VECTOR_DATA is where the generated rows lie and stay (620 MB; default: build/vector-data).
# LARGE=ROWS measures a graph of so many rows of workload A as well (1000000: 3.1 GB of rows, made and removed).
set -euo pipefail
cd "$(dirname "$0")/.."
data=${LAKEHOUSE_VECTOR_DATA:-build/vector-data}
mkdir -p "$data"
ninja -C build/release bench_vector bench_vector_grow bench_vector_large bench_vector_generate >/dev/null
for workload in A B; do
    [ -f "$data/$workload.query.f32" ] || build/release/bench/bench_vector_generate $workload "$data"
    printf '\nWorkload %s\n\n' $workload
    build/release/bench/bench_vector "$data/$workload.base.f32" "$data/$workload.query.f32" 768 "$@"
    [ $# -gt 0 ] ||
        build/release/bench/bench_vector_grow "$data/$workload.base.f32" "$data/$workload.query.f32" 768 "$data/grow"
done
if [ -n "${LARGE:-}" ]; then
    mkdir -p "$data/large"
    build/release/bench/bench_vector_generate A "$data/large" "$LARGE"
    build/release/bench/bench_vector_large "$data/large/A.base.f32" "$data/large/A.query.f32" 768 "$data/large/index"
    rm -r "$data/large"
fi
