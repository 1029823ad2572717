#!/usr/bin/env bash
# setup.sh GROUP...: installs what is missing for these groups of packages.txt, the npm packages of the tests (group
# test), and DuckDB (group build).  When all is there it takes a fraction of a second and says nothing.
#
# Packages need root: as root apt-get runs at once, with sudo that asks no password through it; otherwise the line to
# run is printed and the exit status is 1.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
groups=" ${*:-build} "
mkdir -p "$root/build/log"

say() { printf '== %s\n' "$*"; }

missing_packages() {
    local group package check
    while read -r group package check; do
        case $group in '' | '#'*) continue ;; esac
        case $groups in *" $group "*) ;; *) continue ;; esac
        if [ -n "$check" ]; then
            # shellcheck disable=SC2086 # the command is words
            $check >/dev/null 2>&1 && continue
        fi
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] && continue
        echo "$package"
    done <"$here/packages.txt"
}

# Turns apt-get's output into one line for each tenth of the way.
show_progress() {
    awk '
        /newly installed/ { for (i = 1; i <= NF; i++) if ($i == "newly") total = $(i - 1) }
        /^(Get:|Unpacking |Setting up )/ && total > 0 {
            phase = $1 == "Setting" ? "set up" : $1 == "Unpacking" ? "unpacked" : "downloaded"
            step = ++steps[phase]
            tenth = int(step * 10 / total)
            if (tenth > last[phase] && tenth <= 10) {
                last[phase] = tenth
                printf "   %s %d%% of %d packages\n", phase, tenth * 10, total
                fflush()
            }
        }
        /^(E|W): / { print "   " $0; fflush() }'
}

install_packages() {
    local log=$root/build/log/apt.log privileged=()
    local line="apt-get install -y --no-install-recommends $*"
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            privileged=(sudo -n)
        else
            echo "These Debian packages are missing: $*" >&2
            echo "Run this as root, then try again:" >&2
            echo "    apt-get update && $line" >&2
            exit 1
        fi
    fi
    command -v apt-get >/dev/null || { echo "There is no apt-get here; these packages are missing: $*" >&2; exit 1; }
    say "installing $# Debian packages and what they need (log: build/log/apt.log)"
    say "  $*"
    {
        "${privileged[@]}" apt-get update -q &&
            "${privileged[@]}" env DEBIAN_FRONTEND=noninteractive $line -q
    } </dev/null 2>&1 | tee "$log" | show_progress || {
        tail -20 "$log" >&2
        echo "setup: apt-get failed; to see it whole: apt-get update && $line" >&2
        exit 1
    }
}

install_npm_packages() {
    local stamp=$root/node_modules/.installed-lock
    [ -f "$root/package-lock.json" ] || return 0
    cmp -s "$root/package-lock.json" "$stamp" && return 0
    say "installing the npm packages of the tests"
    (cd "$root" && npm ci --no-audit --no-fund --ignore-scripts >build/log/npm.log 2>&1) || {
        tail -20 "$root/build/log/npm.log" >&2
        echo "setup: npm ci failed" >&2
        exit 1
    }
    cp "$root/package-lock.json" "$stamp"
}

mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -gt 0 ]; then
    install_packages "${missing[@]}"
fi
case $groups in *" build "*)
    # CMake looks for a system's DuckDB before this one.
    if [ -z "${DUCKDB_ROOT:-}" ] && ! pkg-config --exists 'duckdb >= 1.4'; then
        "$here/duckdb.sh" "$root/build/deps/duckdb"
    fi
    ;;
esac
case $groups in *" test "*) install_npm_packages ;; esac
