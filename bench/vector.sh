#!/usr/bin/env bash
# vector.sh [NAME...]: our vector indexes beside the installed peers, on both workloads; tables in Markdown.
# LAKEHOUSE_VECTOR_DATA is where the generated rows lie and stay (620 MB; default: build/vector-data).
set -euo pipefail
cd "$(dirname "$0")/.."
data=${LAKEHOUSE_VECTOR_DATA:-build/vector-data}
mkdir -p "$data"
ninja -C build/release bench_vector bench_vector_generate >/dev/null
for workload in A B; do
    [ -f "$data/$workload.query.f32" ] || build/release/bench/bench_vector_generate $workload "$data"
    printf '\nWorkload %s\n\n' $workload
    build/release/bench/bench_vector "$data/$workload.base.f32" "$data/$workload.query.f32" 768 "$@"
done
