#!/usr/bin/env bash
# build.sh PRESET: installs what the build needs, configures when that was not done yet, builds.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}

case $preset in
    clang | fuzz) tools/setup/setup.sh build test lint ;;
    *) tools/setup/setup.sh build test ;;
esac

log=build/log/configure-$preset.log
mkdir -p build/log
if [ ! -f "build/$preset/build.ninja" ]; then
    echo "== configuring $preset"
    cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
echo "== building $preset"
if [ -t 1 ]; then
    exec cmake --build --preset "$preset"
fi
cmake --build --preset "$preset" | sed -u -e '/Re-checking globbed directories/d' -e '/^ninja: no work to do/d'
