#!/usr/bin/env bash
# format.sh [--fix]: says which C files clang-format 14 would lay out otherwise, or lays them out.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v clang-format-14 >/dev/null || tools/setup/setup.sh lint

list() { git ls-files -co --exclude-standard -z -- '*.c' '*.h' '*.cpp' | xargs -0 -r ls -d 2>/dev/null | tr '\n' '\0'; }

if [ "${1:-}" = --fix ]; then
    list | xargs -0 -r clang-format-14 -i
else
    list | xargs -0 -r -n 20 -P "$(nproc)" clang-format-14 --dry-run --Werror
fi
