#!/usr/bin/env bash
# fuzz.sh [SECONDS] [TARGET...]: each libFuzzer target for SECONDS (60), from the corpus in tests/fuzz/corpus/<target>.
#
# What it learns is kept in build/fuzz-corpus/<target>; an input that crashes a target is put into tests/fuzz/corpus/<target>,
# where every ordinary run of the tests replays it from then on.
set -uo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
tools/build.sh fuzz || exit 1

failed=0
for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "${source%.c}")
    target=${target#fuzz_}
    program=build/fuzz/fuzz/fuzz_$target
    case " ${*:-$target} " in *" $target "*) ;; *) continue ;; esac
    seeds=tests/fuzz/corpus/$target
    learned=build/fuzz-corpus/$target
    mkdir -p "$seeds" "$learned" build/log
    echo "== fuzz $target for $seconds s"
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$seeds/" "$learned" "$seeds" >"build/log/fuzz-$target.log" 2>&1; then
        grep -E 'stat::number_of_executed_units|stat::new_units_added' "build/log/fuzz-$target.log" || true
    else
        tail -40 "build/log/fuzz-$target.log"
        failed=$((failed + 1))
    fi
done
[ $failed -eq 0 ] || { echo "fuzz: $failed targets failed"; exit 1; }
