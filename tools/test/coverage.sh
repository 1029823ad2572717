#!/usr/bin/env bash
# coverage.sh: runs the unit tests instrumented and prints, for each folder of src/, the lines and branches reached.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/build.sh coverage
find build/coverage -name '*.gcda' -delete
ctest --test-dir build/coverage -j "$(nproc)" --no-label-summary >build/log/ctest-coverage.log 2>&1 || tail -20 build/log/ctest-coverage.log

find build/coverage/CMakeFiles -path '*/lh_*' -name '*.gcda' |
    xargs -r -n 40 gcov --branch-probabilities --no-output 2>/dev/null |
    awk '
        /^File / { file = $2; gsub(/\047/, "", file); wanted = file ~ /(^|\/)src\/.*\.c(pp)?$/; sub(/.*src\//, "", file) }
        /^(Calls executed|No calls)/ { wanted = 0 }
        /^Lines executed:/ && wanted {
            folder = file; sub(/\/[^\/]*$/, "", folder)
            split($0, p, /[:% ]+/); lines[folder] += p[5]; hit[folder] += p[3] / 100 * p[5]
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
        }' | sort | cut -c3-
