#!/usr/bin/env bash
# vector.sh [NAME...]: our vector indexes beside hnswlib and faiss, then the growing index, on both workloads; into
# bench/RESULTS-VECTOR.md.  With NAMEs only contenders whose names hold one, without the growing index, into build/vector.md.
#
#     QUICK=1                 that everything runs, on a busy machine: 10,000 rows, 200 queries, one round; a minute or two,
#                             no goals; into build/vector.md
#     CODES=2000000           instead: 1-bit codes, flat and in lists, of so many rows of workload A on disk (6.2 GB, made and
#                             removed); into build/vector-large.md
#     LARGE=1000000           the same with a graph as well (3.1 GB; at a million rows five minutes more)
#     OUT=FILE                another file
#     LAKEHOUSE_VECTOR_DATA   where the generated rows lie and stay (620 MB; default: build/vector-data)
set -euo pipefail
cd "$(dirname "$0")/.."
data=${LAKEHOUSE_VECTOR_DATA:-build/vector-data}
programs=build/release/bench
out=${OUT:-bench/RESULTS-VECTOR.md}
[ $# -eq 0 ] && [ -z "${QUICK:-}" ] || out=${OUT:-build/vector.md}
rows=${LARGE:-${CODES:-}}
[ -z "$rows" ] || out=${OUT:-build/vector-large.md}
[ -z "${QUICK:-}" ] || export OMP_WAIT_POLICY=passive # faiss's threads would spin for each other where others want the cores
mkdir -p "$data"
cmake --preset release >/dev/null # finds peers that were installed since
ninja -C build/release bench_vector bench_vector_grow bench_vector_large bench_vector_codes bench_vector_generate >/dev/null
[ -n "$rows" ] || for peer in HNSWLIB FAISS; do
    grep -q "^LH_${peer}_INCLUDE:PATH=/" build/release/CMakeCache.txt ||
        echo "$peer is not installed: bench/README.md says how; going on without it" >&2
done

load() { cut -d' ' -f1 /proc/loadavg; }

about() {
    printf '# Vector indexes: results\n\nWritten by `bench/vector.sh`; [README.md](README.md#vector-indexes) says how figures are taken.\n\n'
    printf -- '- %s, load average %s before the run\n' "$(date -u +%Y-%m-%dT%H:%MZ)" "$(load)"
    printf -- '- %s cores of %s; %s; %s\n' "$(nproc)" "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | sed q)" \
        "$(uname -sr)" "$(gcc --version | sed q)"
    local versions
    versions=$(dpkg-query -W -f '${Package} ${Version}, ' libhnswlib-dev libfaiss-dev libopenblas0-pthread 2>/dev/null || true)
    [ -z "$versions" ] || printf -- '- Debian: %s\n' "${versions%, }"
}

workload() {
    local base=$data/$1.base.f32 query=$data/$1.query.f32
    [ -f "$query" ] || "$programs/bench_vector_generate" "$1" "$data"
    printf '\n## Workload %s\n\n' "$1"
    "$programs/bench_vector" ${QUICK:+--quick} "$base" "$query" 768 "${@:2}"
    [ $# -gt 1 ] || [ -n "${QUICK:-}" ] || "$programs/bench_vector_grow" "$base" "$query" 768 "$data/grow"
}

large() {
    mkdir -p "$data/large"
    "$programs/bench_vector_generate" A "$data/large" "$rows"
    printf '\n## Workload A with %s rows\n' "$rows"
    "$programs/bench_vector_codes" "$data/large/A.base.f32" "$data/large/A.query.f32" 768
    [ -z "${LARGE:-}" ] || "$programs/bench_vector_large" "$data/large/A.base.f32" "$data/large/A.query.f32" 768 "$data/large/index"
    rm -r "$data/large"
}

began=$SECONDS
{
    about
    if [ -n "$rows" ]; then
        large
    else
        workload A "$@"
        workload B "$@"
    fi
    printf '\nTook %s s; load average %s after it.\n' $((SECONDS - began)) "$(load)"
} | tee "$out.tmp"
mv "$out.tmp" "$out"
