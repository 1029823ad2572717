#!/usr/bin/env bash
# test.sh [all|interop|asan|tsan]: set-up, build, and the suites; the last line is `N passed, N failed`.
#
# A suite that passed is not run again until something it depends on changes: build/test/<suite>.passed holds the hash of
# the content of those files and the counts.  A failure leaves no such file.  FORCE=1 runs everything.
set -uo pipefail
cd "$(dirname "$0")/../.."
what=${1:-all}
mkdir -p build/test build/log
export LAKEHOUSE_TEST_FILE_LIMIT_S=1200
suite_limit=45m
passed=0 failed=0 skipped=0
failures=()

# Sources of the program, and what the C tests are made of besides.
program="CMakeLists.txt CMakePresets.json VERSION cmake src tools/lint/layers.txt tools/setup"
unit="$program tests/unit tests/twin tests/fuzz tests/data"

say() { printf '\n== %s\n' "$*"; }

# The files below these paths; what git ignores is not among them.
list_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -co --exclude-standard -z -- "$@"
    else
        find "$@" -type f -print0 2>/dev/null
    fi
}

content_hash() {
    {
        gcc --version 2>/dev/null | head -1
        node --version 2>/dev/null
        list_files "$@" | LC_ALL=C sort -z | xargs -0 -r sha256sum 2>/dev/null
    } | sha256sum | cut -d' ' -f1
}

# suite NAME "PATHS" COMMAND...: the command sets suite_passed, suite_failed and suite_skipped.
suite() {
    local name=$1 paths=$2 hash stamp started=$SECONDS
    shift 2
    stamp=build/test/$name.passed
    # shellcheck disable=SC2086 # the paths are words
    hash=$(content_hash tools/test $paths)
    suite_passed=0 suite_failed=0 suite_skipped=0
    if [ -z "${FORCE:-}" ] && [ -f "$stamp" ] && [ "$(cut -d' ' -f1 "$stamp")" = "$hash" ]; then
        read -r _ suite_passed suite_skipped <"$stamp"
        echo "== $name: unchanged since it passed ($suite_passed tests)"
    else
        say "$name"
        rm -f "$stamp"
        "$@"
        if [ "$suite_failed" -eq 0 ]; then
            echo "$hash $suite_passed $suite_skipped" >"$stamp"
        else
            failures+=("$name: $suite_failed")
        fi
        echo "== $name: $suite_passed passed, $suite_failed failed, $suite_skipped skipped in $((SECONDS - started)) s"
    fi
    passed=$((passed + suite_passed)) failed=$((failed + suite_failed)) skipped=$((skipped + suite_skipped))
}

# The tests under tests/unit and the fuzz corpora, built with a preset.
run_unit() {
    local preset=$1 log=build/log/ctest-$1.log line
    if ! tools/build.sh "$preset"; then
        echo "build of $preset failed"
        suite_failed=1
        return
    fi
    ctest --test-dir "build/$preset" -j "$(nproc)" --output-on-failure --no-label-summary 2>&1 | tee "$log"
    line=$(grep -E 'tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" || true)
    if [[ $line =~ ([0-9]+)\ tests?\ failed\ out\ of\ ([0-9]+) ]]; then
        suite_failed=${BASH_REMATCH[1]}
        suite_passed=$((BASH_REMATCH[2] - suite_failed))
    else
        echo "ctest ran no test"
        suite_failed=1
    fi
}

# The *.test.mjs files of a folder, against the program that a preset built.  A file that hangs fails after its limit (tests/lib),
# and a suite after its own, so that the others still run.
run_node() {
    local preset=$1 folder=$2 tap=build/log/node-$1-$(basename "$2").tap status files
    mapfile -t files < <(find "$folder" -name '*.test.mjs' | LC_ALL=C sort)
    LAKEHOUSE_BIN=$PWD/build/$preset/bin/lakehouse timeout --kill-after=30 "$suite_limit" node --test \
        --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$tap" "${files[@]}"
    status=$?
    suite_passed=$(awk '/^# pass /{print $3}' "$tap")
    suite_failed=$(awk '/^# (fail|cancelled) /{n += $3} END {print n + 0}' "$tap")
    suite_skipped=$(awk '/^# (skipped|todo) /{n += $3} END {print n + 0}' "$tap")
    if [ -z "$suite_passed" ] || { [ $status -ne 0 ] && [ "$suite_failed" -eq 0 ]; }; then
        echo "node --test ended with status $status and no failed test: see $tap"
        suite_passed=${suite_passed:-0}
        suite_failed=$((suite_failed + 1))
    fi
}

# Every folder of tests/ with *.test.mjs files is a suite of its own name.
node_suites() {
    local preset=$1 folder suffix=""
    [ "$preset" = release ] || suffix=-$preset
    if [ ! -x "build/$preset/bin/lakehouse" ]; then
        return
    fi
    while read -r folder; do
        local extra=""
        [ "$folder" = tests/readme ] && extra="README.md docs demo"
        [ "$folder" = tests/cli ] && extra="docs/man share demo tools/generate"
        if [ "$folder" = tests/crash ] && ! tools/build.sh debug; then # its fault points are in no other program
            failures+=("build of debug")
            continue
        fi
        suite "$(basename "$folder")$suffix" "$program tests/lib package-lock.json $folder $extra" run_node "$preset" "$folder"
    done < <(find tests -name '*.test.mjs' -printf '%h\n' | LC_ALL=C sort -u)
}

run_layers() {
    if node tools/lint/layers.mjs; then
        suite_passed=1
    else
        suite_failed=1
    fi
}

tools/setup/setup.sh build test || { echo; echo "0 passed, 1 failed"; exit 1; }
case $what in
    all)
        suite layers "src tools/lint" run_layers
        suite unit "$unit" run_unit release
        suite unit-asan "$unit" run_unit asan
        tools/build.sh release || failures+=("build of release")
        node_suites release
        ;;
    asan)
        suite unit-asan "$unit" run_unit asan
        tools/build.sh asan || failures+=("build of asan")
        node_suites asan
        ;;
    tsan)
        suite unit-tsan "$unit" run_unit tsan
        suite races-tsan "$program tests/lib tests/crash" run_node tsan tests/crash/races.test.mjs
        ;;
    interop)
        tools/build.sh release || failures+=("build of release")
        if [ -d tests/interop ]; then
            suite interop "$program tests/lib package-lock.json tests/interop" run_node release tests/interop
        fi
        ;;
    *)
        echo "usage: test.sh [all|interop|asan|tsan]" >&2
        exit 2
        ;;
esac

echo
if [ ${#failures[@]} -gt 0 ]; then
    printf 'failed in %s\n' "${failures[@]}"
    [ "$failed" -gt 0 ] || failed=${#failures[@]}
fi
if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
