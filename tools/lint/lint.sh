#!/usr/bin/env bash
# lint.sh: every check of the tree; all of them run, and the exit status is 1 when one found something.
set -uo pipefail
cd "$(dirname "$0")/../.."
tools/setup/setup.sh build test lint || exit 1
mkdir -p build/log
failed=()

check() {
    local name=$1 started=$SECONDS
    shift
    if "$@"; then
        echo "ok    $name ($((SECONDS - started)) s)"
    else
        echo "FAIL  $name"
        failed+=("$name")
    fi
}

# Clang builds the tree with clang-tidy beside every compilation, so ninja knows what has to be looked at again.
tidy() {
    local hash
    hash=$(cat .clang-tidy tests/.clang-tidy CMakePresets.json | sha256sum)
    if [ "$hash" != "$(cat build/lint.key 2>/dev/null)" ]; then
        rm -rf build/lint
        echo "$hash" >build/lint.key
    fi
    if [ ! -f build/lint/build.ninja ]; then
        cmake --preset lint >build/log/configure-lint.log 2>&1 || { cat build/log/configure-lint.log; return 1; }
    fi
    ninja -C build/lint -k 0 >build/log/lint-tidy.log 2>&1 || {
        grep -vE '^\[|^ninja:|warnings? generated|^Suppressed|^Use -' build/log/lint-tidy.log
        return 1
    }
}

check "layers" node tools/lint/layers.mjs
check "banned functions" node tools/lint/banned.mjs
check "fault points" node tools/lint/faults.mjs
check "links" node tools/lint/links.mjs
check "size" node tools/lint/size.mjs
check "format" tools/lint/format.sh
check "headers alone" tools/lint/headers.sh
check "clang, clang-tidy" tidy

if [ ${#failed[@]} -gt 0 ]; then
    echo "lint: ${#failed[@]} of the checks failed"
    exit 1
fi
echo "lint: clean"
