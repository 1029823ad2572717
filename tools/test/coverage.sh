#!/usr/bin/env bash
# coverage.sh [unit]: runs the unit tests, and unless `unit` is said also the tests that drive the program (tests/http,
# tests/cli), all instrumented; prints the lines and branches reached in each folder of src/, and the files under 90 % of
# lines.  Engine workers count too (cmake/coverage_workers.c); a process killed by SIGKILL does not.
set -euo pipefail
cd "$(dirname "$0")/../.."
what=${1:-all}
tools/build.sh coverage
find build/coverage -name '*.gcda' -delete
ctest --test-dir build/coverage -j "$(nproc)" --timeout 300 --no-label-summary >build/log/ctest-coverage.log 2>&1 ||
    grep -E 'tests passed|Failed|Timeout' build/log/ctest-coverage.log
if [ "$what" = all ]; then
    LAKEHOUSE_BIN=$PWD/build/coverage/bin/lakehouse node --test tests/http/*.test.mjs tests/cli/*.test.mjs \
        >build/log/node-coverage.log 2>&1 || grep -aE '^(# |ℹ )?(tests|pass|fail) ' build/log/node-coverage.log || true
fi

find build/coverage/CMakeFiles \( -path '*/lh_*' -o -path '*/lakehouse.dir/*' \) -name '*.gcda' |
    xargs -r -n 40 gcov --branch-probabilities --no-output 2>/dev/null |
    awk '
        /^File / { file = $2; gsub(/\047/, "", file); wanted = file ~ /(^|\/)src\/.*\.c(pp)?$/; sub(/.*src\//, "", file) }
        /^(Calls executed|No calls)/ { wanted = 0 }
        /^Lines executed:/ && wanted {
            folder = file; sub(/\/[^\/]*$/, "", folder)
            split($0, p, /[:% ]+/); lines[folder] += p[5]; hit[folder] += p[3] / 100 * p[5]
            if (p[3] < 90) low[file] = sprintf("%5.1f %% of %d lines", p[3], p[5])
        }
        /^Branches executed:/ && wanted { split($0, b, /[:% ]+/); branches[folder] += b[5] }
        /^Taken at least once:/ && wanted { split($0, k, /[:% ]+/); taken[folder] += k[5] / 100 * k[7] }
        function row(order, name, l, h, b, t) {
            printf "%d %-16s %7d lines %5.1f %%  %7d branches %5.1f %%\n", order, name,
                l, l ? 100 * h / l : 0, b, b ? 100 * t / b : 0
        }
        END {
            for (f in lines) {
                row(1, f, lines[f], hit[f], branches[f], taken[f])
                L += lines[f]; H += hit[f]; B += branches[f]; T += taken[f]
            }
            row(2, "all", L, H, B, T)
            for (f in low) printf "3 under 90 %%: %-34s %s\n", f, low[f]
        }' | sort | cut -c3-
