# fish completion for lakehouse(1)
# Made by tools/generate/command_line.mjs from the program's own help.
set -l commands serve sql ingest delta demo check history tombstone index search ask jobs compact vacuum maintenance pin unpin key vec config version help
complete -c lakehouse -f
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a serve -d 'serve a data folder over HTTP'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a sql -d 'run SQL, or start an interactive shell'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a ingest -d 'turn files into datasets'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a delta -d 'write a few rows on top of a dataset'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a demo -d 'make the staffing demo: 7 tables, 2,469,278 rows, 100,000 resumes'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a check -d 'verify a whole lake, and say how to repair it'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a history -d 'what changed in a dataset, a row of it or another entity, when, by whom'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a tombstone -d 'take rows away by their keys, bring them back, list those that are away'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a index -d 'make documents searchable, and keep them so'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a search -d 'find documents by words and by meaning'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a ask -d 'answer a question from documents, with citations'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a jobs -d 'long work (compaction, vacuum, ...): list, look, cancel'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a compact -d 'few files in order out of deltas, tombstones and small files'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a vacuum -d 'remove the files of versions past their retention'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a maintenance -d 'each dataset'\''s files, and what compaction does next'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a pin -d 'keep a dataset hot, or list what is'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a unpin -d 'keep a dataset hot no longer'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a key -d 'make, list and revoke API keys'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a vec -d 'build, search, measure and inspect vector indexes'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a config -d 'check the configuration file, or show what is in force'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a version -d 'print the version'
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a help -d 'how to use a command'
complete -c lakehouse -n "__fish_seen_subcommand_from serve" -s d -l data -d 'the data folder (default: $LAKEHOUSE_DATA or ./lakehouse-data)' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from serve" -s c -l config -d 'configuration (default: ./lakehouse.toml where it exists)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from serve" -l http -d 'address to listen on (default: 127.0.0.1:3100; port 0 picks a free one)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from serve" -l insecure -d 'allow a non-loopback address without keys or TLS'
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -F
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -s c -l command -d 'run this statement' -x
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -s a -l ask -d 'have the configured generator write the statement, show it, and run it' -x
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -s l -l limit -d 'rows at most (default: 1,000 as a table, else all that the server gives)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -l as-of -d 'read the lake as of a catalog version or an RFC 3339 time' -x
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -s t -l timeout -d 'time limit, such as 30s' -x
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -l json -d 'one JSON document: columns, rows, row_count'
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -l ndjson -d 'one JSON object a row'
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -l csv -d 'CSV with a header line'
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -l parquet -d 'write a Parquet file' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -F
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -s n -l name -d 'dataset name (default: from the file name); one file only' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -s m -l mode -d 'create, append, upsert or replace (default: create)' -xa "create append replace"
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -s k -l primary-key -d 'primary key of a new dataset: a column, or several with commas' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l misfits -d 'a value that is not of its column'\''s type: refuse (default), or text: the column becomes text' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -s b -l bucket -d 'where the files go (default: primary)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -s f -l format -d 'csv, tsv, json, ndjson, parquet or text (default: found by looking)' -xa "csv tsv json ndjson parquet text"
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l delimiter -d 'field separator of a CSV file; '\''tab'\'' for a tab (default: found by looking)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l quote -d 'quote character, or '\''none'\''' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l header -d 'true or false: does the first line name the columns?' -xa "true false"
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l encoding -d 'utf-8, utf-16le, utf-16be or windows-1252' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l json -d 'one JSON report a line'
complete -c lakehouse -n "__fish_seen_subcommand_from delta" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from delta" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from delta" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from delta" -l misfits -d 'where a value does not fit its column'\''s type: refuse (default), or text, which makes the column VARCHAR' -x
complete -c lakehouse -n "__fish_seen_subcommand_from delta" -l json -d 'the report as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from demo" -s d -l data -d 'the data folder (default: $LAKEHOUSE_DATA or ./lakehouse-data)' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from demo" -l config -d 'configuration (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from demo" -l scale -d 'multiply the row counts (default: 1, which is 2,469,278 rows)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from demo" -l seed -d 'another seed, other data (default: 42)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from demo" -l no-index -d 'do not make the index "resumes"'
complete -c lakehouse -n "__fish_seen_subcommand_from demo" -l json -d 'one JSON report a table, and one of the index'
complete -c lakehouse -n "__fish_seen_subcommand_from check" -s d -l data -d 'the data folder (default: $LAKEHOUSE_DATA or ./lakehouse-data)' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from check" -s c -l config -d 'configuration (default: ./lakehouse.toml where it exists)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from check" -l deep -d 'read every byte and compare its checksum'
complete -c lakehouse -n "__fish_seen_subcommand_from check" -l erased -d 'search everything for this key instead, and say where it still stands' -x
complete -c lakehouse -n "__fish_seen_subcommand_from check" -l dataset -d 'with --erased: only rows of this dataset' -x
complete -c lakehouse -n "__fish_seen_subcommand_from check" -l json -d 'one JSON document'
complete -c lakehouse -n "__fish_seen_subcommand_from history" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from history" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from history" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from history" -l as-of -d 'only what had happened by then (RFC 3339, or a date), and what the entity looked like' -x
complete -c lakehouse -n "__fish_seen_subcommand_from history" -s n -l limit -d 'the newest N events (default: 100)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from history" -l json -d 'the events and the entity as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from tombstone" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from tombstone" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from tombstone" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from tombstone" -s r -l reason -d 'why; kept with the tombstone and told by the journal' -x
complete -c lakehouse -n "__fish_seen_subcommand_from tombstone" -l erase -d 'the journal forgets the rows'\'' names and values too'
complete -c lakehouse -n "__fish_seen_subcommand_from tombstone" -s u -l undo -d 'bring the rows back, as long as no compaction has removed them'
complete -c lakehouse -n "__fish_seen_subcommand_from tombstone" -l json -d 'the answer as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from index" -a "create list refresh delete tune trials promote rollback"
complete -c lakehouse -n "__fish_seen_subcommand_from index" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from index" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l id -d 'create: the column that names a document (default: the primary key)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -s t -l text -d 'create: the column that holds its text' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -s n -l name -d 'create, refresh: the index (default: the dataset'\''s name; refresh: all of the dataset)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l provider -d 'create: who embeds (default: builtin)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l model -d 'create: the provider'\''s model' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l dimensions -d 'create: of the vectors' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l refresh -d 'create: manual, on_append' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l rebuild -d 'refresh: write all but the embeddings anew'
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l grid -d 'tune: ef_construction:ef_search[:m] of each trial, as 40:30,160:60 (default: five)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l min-recall -d 'tune: promote nothing below (default: 0.9)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l harness -d 'tune: the eval set (default: one of the index'\''s own vectors)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l note -d 'promote, rollback: why' -x
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l no-wait -d 'do not wait for the build'
complete -c lakehouse -n "__fish_seen_subcommand_from index" -l json -d 'as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from search" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from search" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from search" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from search" -s i -l index -d 'the index (default: the only one)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from search" -s k -l k -d 'hits (default: 5)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from search" -s m -l mode -d 'vector, text or hybrid (default)' -xa "vector text hybrid"
complete -c lakehouse -n "__fish_seen_subcommand_from search" -s f -l filter -d 'only documents whose row meets this condition' -x
complete -c lakehouse -n "__fish_seen_subcommand_from search" -l rerank -d 'look at the best hits again, and put them in a better order'
complete -c lakehouse -n "__fish_seen_subcommand_from search" -l json -d 'the answer as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -s i -l index -d 'the index (default: the only one)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -l profile -d 'through this profile: its datasets, its generator' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -s k -l k -d 'passages (default: 8)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -s m -l mode -d 'vector, text or hybrid (default)' -xa "vector text hybrid"
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -s f -l filter -d 'only documents whose row meets this condition' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -l rerank -d 'put the passages in a better order first'
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -l model -d 'who writes, such as ollama/llama3.2 (default: ai.generator)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -l max-tokens -d 'of the answer (default: the model'\''s limit)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from ask" -l json -d 'the answer as JSON, when it is whole'
complete -c lakehouse -n "__fish_seen_subcommand_from jobs" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from jobs" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from jobs" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from jobs" -s k -l kind -d 'only jobs of this kind' -x
complete -c lakehouse -n "__fish_seen_subcommand_from jobs" -l state -d 'only queued, running, waiting, done, failed or cancelled ones' -x
complete -c lakehouse -n "__fish_seen_subcommand_from jobs" -s n -l limit -d 'the newest N (default: 50)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from jobs" -l cancel -d 'cancel the job ID'
complete -c lakehouse -n "__fish_seen_subcommand_from jobs" -l json -d 'as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from compact" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from compact" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from compact" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from compact" -l sort-by -d 'order the rows by it (default: the primary key); implies --full' -x
complete -c lakehouse -n "__fish_seen_subcommand_from compact" -l full -d 'write again also what is in order already'
complete -c lakehouse -n "__fish_seen_subcommand_from compact" -l no-wait -d 'print the job and leave; lakehouse jobs tells how far it is'
complete -c lakehouse -n "__fish_seen_subcommand_from compact" -l json -d 'the job as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from vacuum" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from vacuum" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from vacuum" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from vacuum" -s n -l dry-run -d 'tell what would go, and change nothing'
complete -c lakehouse -n "__fish_seen_subcommand_from vacuum" -l retention-hours -d 'keep versions that long (default: maintenance.retention)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vacuum" -l no-wait -d 'print the job and leave; lakehouse jobs tells how far it is'
complete -c lakehouse -n "__fish_seen_subcommand_from vacuum" -l json -d 'as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from maintenance" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from maintenance" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from maintenance" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from maintenance" -l json -d 'as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from pin" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from pin" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from pin" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from pin" -l no-wait -d 'do not wait until it is loaded'
complete -c lakehouse -n "__fish_seen_subcommand_from pin" -l json -d 'as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from unpin" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from unpin" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from unpin" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from unpin" -l json -d 'as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from key" -a "create list revoke"
complete -c lakehouse -n "__fish_seen_subcommand_from key" -s s -l server -d 'a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)' -xa "http://127.0.0.1:3100"
complete -c lakehouse -n "__fish_seen_subcommand_from key" -s d -l data -d 'work on a data folder without a server' -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from key" -l config -d 'configuration for --data (default: ./lakehouse.toml)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from key" -s r -l role -d 'create: admin, recruiter, analyst or agent' -xa "admin recruiter analyst agent"
complete -c lakehouse -n "__fish_seen_subcommand_from key" -s n -l name -d 'create: whose key it is, for lists and the audit' -x
complete -c lakehouse -n "__fish_seen_subcommand_from key" -l json -d 'as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -a "build search bench inspect"
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -F
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -s o -l output -d 'build: the file to write (default: FILE with .vec behind it)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l dimensions -d 'of the vectors; needed for .f32 files' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l column -d 'of the vectors in .parquet files (default: the only one of FLOAT lists or arrays)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l metric -d 'build, bench: cosine, l2 or dot (default: cosine)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l kind -d 'build: graph, flat (1-bit codes), ivf (the same in lists) or growing (a folder) (default: graph)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l lists -d 'build: lists of an ivf (default: twice the root of the rows)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l m -d 'build, bench: links that a node asks for, 2 to 64 (default: 16)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l ef-construction -d 'build, bench: window of the search before an insert (default: 100)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l seed -d 'build, bench: the same seed on one thread gives the same index (default: 1)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l threads -d 'build, search, bench (default: one a processor)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l without-vectors -d 'build: leave the full vectors out of the index'
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l vectors -d 'search, inspect: the full vectors of an index without them' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -s k -l k -d 'search, bench: neighbours (default: 10)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l ef -d 'search: window of a graph'\''s walk (default: 64)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l nprobe -d 'search: lists of an ivf to read (default: 8 and a sixteenth of them)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l epsilon -d 'search: width of the error bound of 1-bit codes (default: 1.9)' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l recall -d 'search: find the settings that reach this recall, such as 0.99' -x
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l verify -d 'inspect: read everything, compare checksums, check every row'
complete -c lakehouse -n "__fish_seen_subcommand_from vec" -l json -d 'one JSON object a line'
complete -c lakehouse -n "__fish_seen_subcommand_from config" -a "check show"
complete -c lakehouse -n "__fish_seen_subcommand_from config" -s c -l config -d 'the file (default: ./lakehouse.toml where it exists)' -rF
complete -c lakehouse -n "__fish_seen_subcommand_from config" -l json -d 'check: the findings as one JSON document'
complete -c lakehouse -n "__fish_seen_subcommand_from version" -l json -d 'as JSON'
complete -c lakehouse -n "__fish_seen_subcommand_from help" -a "serve sql ingest delta demo check history tombstone index search ask jobs compact vacuum maintenance pin unpin key vec config version"
