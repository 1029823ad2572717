#!/usr/bin/env bash
# run.sh: from a fresh checkout to a running server with the demo lake.  HTTP and DATA choose the address and the folder.
set -euo pipefail
cd "$(dirname "$0")/.."
http=${HTTP:-127.0.0.1:3100}
data=${DATA:-./lakehouse-data}
binary=build/release/bin/lakehouse

tools/build.sh release

if [ ! -d "$data/objects/_catalog" ]; then
    echo "== generating the staffing demo in $data"
    "$binary" demo --data "$data"
fi

say_what_next() {
    local server=http://$http
    until curl -fsS -o /dev/null "$server/ready" 2>/dev/null; do
        kill -0 $$ 2>/dev/null || return 0
        sleep 0.1
    done
    cat <<EOT

Lakehouse is ready at $server.  Try, in another terminal:

    curl -s $server/query/sql -d '{"sql": "SELECT count(*) AS candidates FROM candidates"}'

    $binary sql --server $server -c 'SELECT * FROM job_orders LIMIT 5'

    $binary sql --server $server        # interactive; Ctrl-D leaves

Stop the server with Ctrl-C.

EOT
}
say_what_next &
exec "$binary" serve --http "$http" --data "$data"
