#compdef lakehouse
# zsh completion for lakehouse(1)
# Made by tools/generate/command_line.mjs from the program's own help.

_lakehouse() {
    local state
    _arguments -C '1: :->command' '*:: :->arguments'
    case $state in
        command)
            local -a commands=(
                'serve:serve a data folder over HTTP'
                'sql:run SQL, or start an interactive shell'
                'ingest:turn files into datasets'
                'delta:write a few rows on top of a dataset'
                'demo:make the staffing demo\: 7 tables, 2,469,278 rows, 100,000 resumes'
                'check:verify a whole lake, and say how to repair it'
                'history:what changed in a dataset, a row of it or another entity, when, by whom'
                'tombstone:take rows away by their keys, bring them back, list those that are away'
                'index:make documents searchable, and keep them so'
                'search:find documents by words and by meaning'
                'ask:answer a question from documents, with citations'
                'jobs:long work (compaction, vacuum, ...)\: list, look, cancel'
                'compact:few files in order out of deltas, tombstones and small files'
                'vacuum:remove the files of versions past their retention'
                'maintenance:each dataset'\''s files, and what compaction does next'
                'pin:keep a dataset hot, or list what is'
                'unpin:keep a dataset hot no longer'
                'key:make, list and revoke API keys'
                'vec:build, search, measure and inspect vector indexes'
                'config:check the configuration file, or show what is in force'
                'version:print the version'
                'help:how to use a command'
            )
            _describe command commands
            ;;
        arguments)
            case $words[1] in
                serve)
                    _arguments \
                    '(-d --data)-d[the data folder (default\: $LAKEHOUSE_DATA or ./lakehouse-data)]:folder:_files -/' \
                    '(-d --data)--data[the data folder (default\: $LAKEHOUSE_DATA or ./lakehouse-data)]:folder:_files -/' \
                    '(-c --config)-c[configuration (default\: ./lakehouse.toml where it exists)]:file:_files' \
                    '(-c --config)--config[configuration (default\: ./lakehouse.toml where it exists)]:file:_files' \
                    '(--http)--http[address to listen on (default\: 127.0.0.1\:3100; port 0 picks a free one)]:addr\:port:' \
                    '(--insecure)--insecure[allow a non-loopback address without keys or TLS]' \
                    '--help[tell more]'
                    ;;
                sql)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(-c --command)-c[run this statement]:sql:' \
                    '(-c --command)--command[run this statement]:sql:' \
                    '(-a --ask)-a[have the configured generator write the statement, show it, and run it]:question:' \
                    '(-a --ask)--ask[have the configured generator write the statement, show it, and run it]:question:' \
                    '(-l --limit)-l[rows at most (default\: 1,000 as a table, else all that the server gives)]:n:' \
                    '(-l --limit)--limit[rows at most (default\: 1,000 as a table, else all that the server gives)]:n:' \
                    '(--as-of)--as-of[read the lake as of a catalog version or an RFC 3339 time]:when:' \
                    '(-t --timeout)-t[time limit, such as 30s]:time:' \
                    '(-t --timeout)--timeout[time limit, such as 30s]:time:' \
                    '(--json)--json[one JSON document\: columns, rows, row_count]' \
                    '(--ndjson)--ndjson[one JSON object a row]' \
                    '(--csv)--csv[CSV with a header line]' \
                    '(--parquet)--parquet[write a Parquet file]:file:_files' \
                    '*:file:_files'
                    ;;
                ingest)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(-n --name)-n[dataset name (default\: from the file name); one file only]:name:' \
                    '(-n --name)--name[dataset name (default\: from the file name); one file only]:name:' \
                    '(-m --mode)-m[create, append, upsert or replace (default\: create)]:mode:(create append replace)' \
                    '(-m --mode)--mode[create, append, upsert or replace (default\: create)]:mode:(create append replace)' \
                    '(-k --primary-key)-k[primary key of a new dataset\: a column, or several with commas]:columns:' \
                    '(-k --primary-key)--primary-key[primary key of a new dataset\: a column, or several with commas]:columns:' \
                    '(--misfits)--misfits[a value that is not of its column'\''s type\: refuse (default), or text\: the column becomes text]:how:' \
                    '(-b --bucket)-b[where the files go (default\: primary)]:bucket:' \
                    '(-b --bucket)--bucket[where the files go (default\: primary)]:bucket:' \
                    '(-f --format)-f[csv, tsv, json, ndjson, parquet or text (default\: found by looking)]:format:(csv tsv json ndjson parquet text)' \
                    '(-f --format)--format[csv, tsv, json, ndjson, parquet or text (default\: found by looking)]:format:(csv tsv json ndjson parquet text)' \
                    '(--delimiter)--delimiter[field separator of a CSV file; '\''tab'\'' for a tab (default\: found by looking)]:char:' \
                    '(--quote)--quote[quote character, or '\''none'\'']:char:' \
                    '(--header)--header[true or false\: does the first line name the columns?]:bool:(true false)' \
                    '(--encoding)--encoding[utf-8, utf-16le, utf-16be or windows-1252]:name:' \
                    '(--json)--json[one JSON report a line]' \
                    '*:file:_files'
                    ;;
                delta)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(--misfits)--misfits[where a value does not fit its column'\''s type\: refuse (default), or text, which makes the column VARCHAR]:how:' \
                    '(--json)--json[the report as JSON]' \
                    '--help[tell more]'
                    ;;
                demo)
                    _arguments \
                    '(-d --data)-d[the data folder (default\: $LAKEHOUSE_DATA or ./lakehouse-data)]:folder:_files -/' \
                    '(-d --data)--data[the data folder (default\: $LAKEHOUSE_DATA or ./lakehouse-data)]:folder:_files -/' \
                    '(--config)--config[configuration (default\: ./lakehouse.toml)]:file:_files' \
                    '(--scale)--scale[multiply the row counts (default\: 1, which is 2,469,278 rows)]:f:' \
                    '(--seed)--seed[another seed, other data (default\: 42)]:n:' \
                    '(--no-index)--no-index[do not make the index "resumes"]' \
                    '(--json)--json[one JSON report a table, and one of the index]' \
                    '--help[tell more]'
                    ;;
                check)
                    _arguments \
                    '(-d --data)-d[the data folder (default\: $LAKEHOUSE_DATA or ./lakehouse-data)]:folder:_files -/' \
                    '(-d --data)--data[the data folder (default\: $LAKEHOUSE_DATA or ./lakehouse-data)]:folder:_files -/' \
                    '(-c --config)-c[configuration (default\: ./lakehouse.toml where it exists)]:file:_files' \
                    '(-c --config)--config[configuration (default\: ./lakehouse.toml where it exists)]:file:_files' \
                    '(--deep)--deep[read every byte and compare its checksum]' \
                    '(--erased)--erased[search everything for this key instead, and say where it still stands]:key:' \
                    '(--dataset)--dataset[with --erased\: only rows of this dataset]:name:' \
                    '(--json)--json[one JSON document]' \
                    '--help[tell more]'
                    ;;
                history)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(--as-of)--as-of[only what had happened by then (RFC 3339, or a date), and what the entity looked like]:time:' \
                    '(-n --limit)-n[the newest N events (default\: 100)]:n:' \
                    '(-n --limit)--limit[the newest N events (default\: 100)]:n:' \
                    '(--json)--json[the events and the entity as JSON]' \
                    '--help[tell more]'
                    ;;
                tombstone)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(-r --reason)-r[why; kept with the tombstone and told by the journal]:text:' \
                    '(-r --reason)--reason[why; kept with the tombstone and told by the journal]:text:' \
                    '(--erase)--erase[the journal forgets the rows'\'' names and values too]' \
                    '(-u --undo)-u[bring the rows back, as long as no compaction has removed them]' \
                    '(-u --undo)--undo[bring the rows back, as long as no compaction has removed them]' \
                    '(--json)--json[the answer as JSON]' \
                    '--help[tell more]'
                    ;;
                index)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(--id)--id[create\: the column that names a document (default\: the primary key)]:column:' \
                    '(-t --text)-t[create\: the column that holds its text]:column:' \
                    '(-t --text)--text[create\: the column that holds its text]:column:' \
                    '(-n --name)-n[create, refresh\: the index (default\: the dataset'\''s name; refresh\: all of the dataset)]:name:' \
                    '(-n --name)--name[create, refresh\: the index (default\: the dataset'\''s name; refresh\: all of the dataset)]:name:' \
                    '(--provider)--provider[create\: who embeds (default\: builtin)]:name:' \
                    '(--model)--model[create\: the provider'\''s model]:name:' \
                    '(--dimensions)--dimensions[create\: of the vectors]:n:' \
                    '(--refresh)--refresh[create\: manual, on_append]:when:' \
                    '(--rebuild)--rebuild[refresh\: write all but the embeddings anew]' \
                    '(--grid)--grid[tune\: ef_construction\:ef_search\[\:m\] of each trial, as 40\:30,160\:60 (default\: five)]:points:' \
                    '(--min-recall)--min-recall[tune\: promote nothing below (default\: 0.9)]:share:' \
                    '(--harness)--harness[tune\: the eval set (default\: one of the index'\''s own vectors)]:name:' \
                    '(--note)--note[promote, rollback\: why]:text:' \
                    '(--no-wait)--no-wait[do not wait for the build]' \
                    '(--json)--json[as JSON]' \
                    '1: :(create list refresh delete tune trials promote rollback)' '--help[tell more]'
                    ;;
                search)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(-i --index)-i[the index (default\: the only one)]:name:' \
                    '(-i --index)--index[the index (default\: the only one)]:name:' \
                    '(-k --k)-k[hits (default\: 5)]:n:' \
                    '(-k --k)--k[hits (default\: 5)]:n:' \
                    '(-m --mode)-m[vector, text or hybrid (default)]:search:(vector text hybrid)' \
                    '(-m --mode)--mode[vector, text or hybrid (default)]:search:(vector text hybrid)' \
                    '(-f --filter)-f[only documents whose row meets this condition]:sql:' \
                    '(-f --filter)--filter[only documents whose row meets this condition]:sql:' \
                    '(--rerank)--rerank[look at the best hits again, and put them in a better order]' \
                    '(--json)--json[the answer as JSON]' \
                    '--help[tell more]'
                    ;;
                ask)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(-i --index)-i[the index (default\: the only one)]:name:' \
                    '(-i --index)--index[the index (default\: the only one)]:name:' \
                    '(--profile)--profile[through this profile\: its datasets, its generator]:id:' \
                    '(-k --k)-k[passages (default\: 8)]:n:' \
                    '(-k --k)--k[passages (default\: 8)]:n:' \
                    '(-m --mode)-m[vector, text or hybrid (default)]:search:(vector text hybrid)' \
                    '(-m --mode)--mode[vector, text or hybrid (default)]:search:(vector text hybrid)' \
                    '(-f --filter)-f[only documents whose row meets this condition]:sql:' \
                    '(-f --filter)--filter[only documents whose row meets this condition]:sql:' \
                    '(--rerank)--rerank[put the passages in a better order first]' \
                    '(--model)--model[who writes, such as ollama/llama3.2 (default\: ai.generator)]:name:' \
                    '(--max-tokens)--max-tokens[of the answer (default\: the model'\''s limit)]:n:' \
                    '(--json)--json[the answer as JSON, when it is whole]' \
                    '--help[tell more]'
                    ;;
                jobs)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(-k --kind)-k[only jobs of this kind]:kind:' \
                    '(-k --kind)--kind[only jobs of this kind]:kind:' \
                    '(--state)--state[only queued, running, waiting, done, failed or cancelled ones]:state:' \
                    '(-n --limit)-n[the newest N (default\: 50)]:n:' \
                    '(-n --limit)--limit[the newest N (default\: 50)]:n:' \
                    '(--cancel)--cancel[cancel the job ID]' \
                    '(--json)--json[as JSON]' \
                    '--help[tell more]'
                    ;;
                compact)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(--sort-by)--sort-by[order the rows by it (default\: the primary key); implies --full]:column:' \
                    '(--full)--full[write again also what is in order already]' \
                    '(--no-wait)--no-wait[print the job and leave; lakehouse jobs tells how far it is]' \
                    '(--json)--json[the job as JSON]' \
                    '--help[tell more]'
                    ;;
                vacuum)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(-n --dry-run)-n[tell what would go, and change nothing]' \
                    '(-n --dry-run)--dry-run[tell what would go, and change nothing]' \
                    '(--retention-hours)--retention-hours[keep versions that long (default\: maintenance.retention)]:hours:' \
                    '(--no-wait)--no-wait[print the job and leave; lakehouse jobs tells how far it is]' \
                    '(--json)--json[as JSON]' \
                    '--help[tell more]'
                    ;;
                maintenance)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(--json)--json[as JSON]' \
                    '--help[tell more]'
                    ;;
                pin)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(--no-wait)--no-wait[do not wait until it is loaded]' \
                    '(--json)--json[as JSON]' \
                    '--help[tell more]'
                    ;;
                unpin)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(--json)--json[as JSON]' \
                    '--help[tell more]'
                    ;;
                key)
                    _arguments \
                    '(-s --server)-s[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-s --server)--server[a running server (default\: $LAKEHOUSE_SERVER or http\://127.0.0.1\:3100)]:url:(http\://127.0.0.1\:3100)' \
                    '(-d --data)-d[work on a data folder without a server]:folder:_files -/' \
                    '(-d --data)--data[work on a data folder without a server]:folder:_files -/' \
                    '(--config)--config[configuration for --data (default\: ./lakehouse.toml)]:file:_files' \
                    '(-r --role)-r[create\: admin, recruiter, analyst or agent]:role:(admin recruiter analyst agent)' \
                    '(-r --role)--role[create\: admin, recruiter, analyst or agent]:role:(admin recruiter analyst agent)' \
                    '(-n --name)-n[create\: whose key it is, for lists and the audit]:name:' \
                    '(-n --name)--name[create\: whose key it is, for lists and the audit]:name:' \
                    '(--json)--json[as JSON]' \
                    '1: :(create list revoke)' '--help[tell more]'
                    ;;
                vec)
                    _arguments \
                    '(-o --output)-o[build\: the file to write (default\: FILE with .vec behind it)]:index:' \
                    '(-o --output)--output[build\: the file to write (default\: FILE with .vec behind it)]:index:' \
                    '(--dimensions)--dimensions[of the vectors; needed for .f32 files]:d:' \
                    '(--column)--column[of the vectors in .parquet files (default\: the only one of FLOAT lists or arrays)]:name:' \
                    '(--metric)--metric[build, bench\: cosine, l2 or dot (default\: cosine)]:name:' \
                    '(--kind)--kind[build\: graph, flat (1-bit codes), ivf (the same in lists) or growing (a folder) (default\: graph)]:kind:' \
                    '(--lists)--lists[build\: lists of an ivf (default\: twice the root of the rows)]:n:' \
                    '(--m)--m[build, bench\: links that a node asks for, 2 to 64 (default\: 16)]:n:' \
                    '(--ef-construction)--ef-construction[build, bench\: window of the search before an insert (default\: 100)]:n:' \
                    '(--seed)--seed[build, bench\: the same seed on one thread gives the same index (default\: 1)]:n:' \
                    '(--threads)--threads[build, search, bench (default\: one a processor)]:n:' \
                    '(--without-vectors)--without-vectors[build\: leave the full vectors out of the index]' \
                    '(--vectors)--vectors[search, inspect\: the full vectors of an index without them]:file:_files' \
                    '(-k --k)-k[search, bench\: neighbours (default\: 10)]:n:' \
                    '(-k --k)--k[search, bench\: neighbours (default\: 10)]:n:' \
                    '(--ef)--ef[search\: window of a graph'\''s walk (default\: 64)]:n:' \
                    '(--nprobe)--nprobe[search\: lists of an ivf to read (default\: 8 and a sixteenth of them)]:n:' \
                    '(--epsilon)--epsilon[search\: width of the error bound of 1-bit codes (default\: 1.9)]:e:' \
                    '(--recall)--recall[search\: find the settings that reach this recall, such as 0.99]:share:' \
                    '(--verify)--verify[inspect\: read everything, compare checksums, check every row]' \
                    '(--json)--json[one JSON object a line]' \
                    '1: :(build search bench inspect)' '*:file:_files'
                    ;;
                config)
                    _arguments \
                    '(-c --config)-c[the file (default\: ./lakehouse.toml where it exists)]:file:_files' \
                    '(-c --config)--config[the file (default\: ./lakehouse.toml where it exists)]:file:_files' \
                    '(--json)--json[check\: the findings as one JSON document]' \
                    '1: :(check show)' '--help[tell more]'
                    ;;
                version)
                    _arguments \
                    '(--json)--json[as JSON]' \
                    '--help[tell more]'
                    ;;
                help)
                    _arguments \
                    '1: :(serve sql ingest delta demo check history tombstone index search ask jobs compact vacuum maintenance pin unpin key vec config version)' '--help[tell more]'
                    ;;
            esac
            ;;
    esac
}

_lakehouse "$@"
