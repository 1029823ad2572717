#!/usr/bin/env bash
# fresh.sh: what a stranger does, on a Debian 12 that has nothing yet: `make test`, then `make run` and a query.
#
# debootstrap makes a minimal system with make, git and ca-certificates in build/fresh/base.tar (kept for a week); each run
# unpacks it, clones HEAD into it and works in a chroot with its own mount and process namespaces, so that nothing
# outlives the run.  How this machine reaches Debian's packages and npm's (sources, proxies, certificates, npmrc) is read
# from its own settings and taken along.
#
#   KEEP=1  leaves the system in build/fresh/root.XXXXXX to look at     MIRROR=URL  where apt's sources do not say it
#   ONLY=test|run|shell  one of the two steps, or a shell there
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD
work=${FRESH_DIR:-$here/build/fresh}
log=$here/build/log
mkdir -p "$work" "$log"

say() { printf '== %s\n' "$*"; }
die() { printf 'test-fresh: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die "needs root, for debootstrap and chroot: sudo make test-fresh"
tools/setup/setup.sh fresh

suite=bookworm
find_mirror() {
    local uri
    uri=$(apt-get indextargets --format '$(CREATED_BY) $(REPO_URI)' "Codename: $suite" "Component: main" 2>/dev/null |
        awk '$1 == "Packages" {print $2; exit}')
    echo "${MIRROR:-$uri}"
}

make_base() {
    local mirror
    mirror=$(find_mirror)
    [ -n "$mirror" ] || die "apt's sources name no $suite; say MIRROR=URL"
    say "making a bare Debian 12 with debootstrap"
    rm -rf "$work/base" "$work/base.tar"
    debootstrap --variant=minbase --include=make,git,ca-certificates "$suite" "$work/base" "$mirror" \
        >"$log/debootstrap.log" 2>&1 || { tail -20 "$log/debootstrap.log" >&2; die "debootstrap failed"; }
    tar -C "$work/base" -cf "$work/base.tar.part" .
    mv "$work/base.tar.part" "$work/base.tar"
    rm -rf "$work/base"
}
[ -n "$(find "$work" -maxdepth 1 -name base.tar -mtime -7)" ] || make_base

root=$(mktemp -d "$work/root.XXXXXX")
cleanup() {
    if [ -n "${KEEP:-}" ]; then
        say "kept: $root"
    else
        rm -rf --one-file-system "$root"
    fi
}
trap cleanup EXIT
say "unpacking it to $root"
tar -C "$root" -xf "$work/base.tar"

# How this machine reaches the network: names, apt, certificates, npm.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
if [ -d /usr/local/share/ca-certificates ]; then
    cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1
fi
if grep -rqs "$suite" /etc/apt/sources.list /etc/apt/sources.list.d/; then
    rm -f "$root/etc/apt/sources.list"
    cp /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null || true
    # Only those of Debian itself: other vendors' would bring in packages that a bare Debian has not got.
    grep -lsE "\b$suite(-[a-z]+)?\b.*\bmain\b|^Suites:.*\b$suite\b" /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources |
        xargs -r cp -t "$root/etc/apt/sources.list.d/" || true
fi
grep -lsE 'Proxy|Check-Valid-Until|Check-Date|Verify-Peer|CaInfo' /etc/apt/apt.conf /etc/apt/apt.conf.d/* |
    xargs -r cp -t "$root/etc/apt/apt.conf.d/" || true
for file in /etc/npmrc "$(npm config get globalconfig 2>/dev/null || true)" "$HOME/.npmrc"; do
    [ -f "$file" ] && cat "$file" && echo
done | grep -vE '^(nodedir|prefix|cache|globalconfig|userconfig) *=' >"$root/root/.npmrc" || true

environment=(HOME=/root USER=root "TERM=${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
while IFS= read -r -d '' setting; do
    case ${setting%%=*} in
        http_proxy | https_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY | npm_config_registry | \
            NODE_EXTRA_CA_CERTS | SSL_CERT_FILE | SSL_CERT_DIR | CURL_CA_BUNDLE) environment+=("$setting") ;;
    esac
done < <(env -0)

say "cloning HEAD ($(git log -1 --format='%h %s'))"
git clone -q --no-hardlinks --single-branch "$here" "$root/lakehouse"

# inside COMMAND...: in the new system, with its own mounts and processes; all of them end with it.
inside() {
    unshare --mount --pid --fork --kill-child bash -c '
        root=$1; shift
        mount --make-rprivate /
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        exec chroot "$root" env -i "$@"' _ "$root" "${environment[@]}" "$@"
}

stamp_lines() { while IFS= read -r line; do printf '[%(%H:%M:%S)T] %s\n' -1 "$line"; done; }

fresh_test() {
    local started=$SECONDS
    say "make test (log: build/log/fresh-test.log)"
    inside bash -c 'cd /lakehouse && make test' </dev/null 2>&1 | stamp_lines | tee "$log/fresh-test.log" || die "make test failed in the bare Debian"
    say "make test passed after $((SECONDS - started)) s; again, with nothing changed:"
    started=$SECONDS
    inside bash -c 'cd /lakehouse && make test' </dev/null 2>&1 | stamp_lines | tee "$log/fresh-test-again.log" || die "the second make test failed"
    say "the second took $((SECONDS - started)) s"
}

fresh_run() {
    local port=$((20000 + RANDOM % 10000))
    say "make run (log: build/log/fresh-run.log)"
    cat >"$root/root/run.sh" <<'EOT'
cd /lakehouse
set -m # a process group for make, so that Ctrl-C can be what ends it
make run HTTP=127.0.0.1:$1 </dev/null &
make=$!
server=http://127.0.0.1:$1
for ((i = 0; ; i++)); do
    if command -v curl >/dev/null && curl -fs -o /dev/null "$server/ready"; then break; fi
    kill -0 $make 2>/dev/null || { wait $make; echo "fresh: make run ended with status $?"; exit 1; }
    [ $i -lt 1800 ] || { echo "fresh: not ready after half an hour"; exit 1; }
    sleep 1
done
sleep 1
echo "fresh: the server is ready; asking it"
answer=$(curl -fsS "$server/query/sql" -d '{"sql": "SELECT count(*) AS n FROM candidates"}') || exit 1
echo "fresh: $answer"
case $answer in *100000*) ;; *) echo "fresh: 100,000 candidates were expected"; exit 1 ;; esac
build/release/bin/lakehouse sql --server "$server" -c 'SELECT * FROM job_orders LIMIT 3' || exit 1
kill -INT -- -$make
wait $make
echo "fresh: stopped"
EOT
    inside bash /root/run.sh "$port" </dev/null 2>&1 | stamp_lines | tee "$log/fresh-run.log" || die "make run failed in the bare Debian"
    grep -q 'fresh: stopped' "$log/fresh-run.log" || die "make run did not come to its end"
}

case ${ONLY:-all} in
    test) fresh_test ;;
    run) fresh_run ;;
    shell) inside bash -c 'cd /lakehouse && exec bash' ;;
    *)
        fresh_test
        fresh_run
        ;;
esac
say "test-fresh passed"
