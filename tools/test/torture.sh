#!/usr/bin/env bash
# torture.sh [release]: the crash tests with larger numbers than an ordinary run, and what came of each in build/torture.md.
#
#                            make test    torture    release
#   power cuts (seeds)             500      2,000     10,000
#   kill -9 under load              20        100      1,000
#   hits of each fault point         1          1          8
#   places without memory            4         10         40
#   seconds under ThreadSanitizer   20        120        600
#
# SEEDS, KILLS, HITS, PLACES and RACES in the environment stand for the numbers above.
set -uo pipefail
cd "$(dirname "$0")/../.."
case ${1:-} in
    "") seeds=2000 kills=100 hits=1 places=10 races=120 ;;
    release) seeds=10000 kills=1000 hits=8 places=40 races=600 ;;
    *)
        echo "usage: torture.sh [release]" >&2
        exit 2
        ;;
esac
seeds=${SEEDS:-$seeds} kills=${KILLS:-$kills} hits=${HITS:-$hits} places=${PLACES:-$places} races=${RACES:-$races}
tools/setup/setup.sh build test && tools/build.sh release && tools/build.sh debug && tools/build.sh tsan || exit 1
mkdir -p build/log
report=build/torture.md
failed=0

# run NAME COMMAND...: one line of the report.
run() {
    local name=$1 log started=$SECONDS result=passed
    log=build/log/torture-${name//[^a-z0-9]/-}.log
    shift
    echo "== $name"
    "$@" >"$log" 2>&1 || { result="**failed**"; failed=$((failed + 1)); tail -40 "$log"; }
    printf '| %s | %s | %s s | %s |\n' "$name" "$result" $((SECONDS - started)) "$(grep -hoE '^# (killed|[0-9]+ requests|pass [0-9]+).*' "$log" | tr '\n' ' ')" >>"$report"
}

{
    echo "# Torture, $(date -u +%F)"
    echo
    echo "lakehouse $(cat VERSION), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown); $(uname -sr), $(nproc) processors."
    echo "$seeds seeds in all, $kills kills, $hits hits of each fault point."
    echo
    echo '| test | result | time | |'
    echo '|---|---|---|---|'
} >"$report"

for test in build/release/tests/unit_*_powerloss*; do
    run "power loss: ${test##*_powerloss_}" env LAKEHOUSE_SEEDS=$seeds "$test"
done
run "fault points" env LAKEHOUSE_FAULT_HITS=$hits node --test tests/crash/fault_points.test.mjs
run "kill -9" env LAKEHOUSE_KILLS=$kills node --test tests/crash/kill.test.mjs
run "a living dataset" env LAKEHOUSE_LIVING_ROUNDS=$kills node --test tests/crash/living.test.mjs
run "out of memory" env LAKEHOUSE_MEMORY_PLACES=$places node --test tests/crash/out_of_memory.test.mjs
run "data races" env LAKEHOUSE_RACE_SECONDS=$races node --test tests/crash/races.test.mjs
run "full disk" node --test tests/crash/disk_full.test.mjs

cat "$report"
[ "$failed" -eq 0 ]
