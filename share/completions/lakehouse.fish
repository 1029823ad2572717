# fish completion for lakehouse(1)
set -l commands serve sql ingest demo check config key version help
complete -c lakehouse -f
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a serve -d "run the server"
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a sql -d "run SQL, or type it interactively"
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a ingest -d "bring files in"
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a demo -d "make the staffing demo"
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a check -d "verify a data folder"
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a config -d "check or show the configuration"
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a key -d "create, list and revoke API keys"
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a version -d "say which version this is"
complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a help -d "say how to use a command"

complete -c lakehouse -n "__fish_seen_subcommand_from serve sql ingest demo check key" -l data -d "data folder" -xa "(__fish_complete_directories)"
complete -c lakehouse -n "__fish_seen_subcommand_from sql ingest key" -l server -d "address of a running server" -x
complete -c lakehouse -n "__fish_seen_subcommand_from serve config" -l config -d "configuration file" -rF
complete -c lakehouse -n "__fish_seen_subcommand_from serve" -l http -d "address and port to listen on" -x
complete -c lakehouse -n "__fish_seen_subcommand_from serve" -l insecure -d "serve a non-loopback address without authentication"
complete -c lakehouse -n "__fish_seen_subcommand_from sql ingest check" -l json -d "print JSON"
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -s c -d "the statement" -x
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -l csv -d "print CSV"
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -l ndjson -d "print NDJSON"
complete -c lakehouse -n "__fish_seen_subcommand_from sql" -l parquet -d "write a Parquet file" -rF
complete -c lakehouse -n "__fish_seen_subcommand_from sql ingest" -F
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l name -d "name of the dataset" -x
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l mode -d "what to do with an existing dataset" -xa "create append replace upsert"
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l primary-key -d "columns" -x
complete -c lakehouse -n "__fish_seen_subcommand_from ingest" -l bucket -d "bucket of the files" -x
complete -c lakehouse -n "__fish_seen_subcommand_from demo" -l scale -d "factor on the row counts" -x
complete -c lakehouse -n "__fish_seen_subcommand_from demo" -l seed -d "seed" -x
complete -c lakehouse -n "__fish_seen_subcommand_from check" -l repair -d "mend what can be mended"
complete -c lakehouse -n "__fish_seen_subcommand_from config" -a "check show"
complete -c lakehouse -n "__fish_seen_subcommand_from key" -a "create list revoke"
complete -c lakehouse -n "__fish_seen_subcommand_from key" -l role -d "role of the key" -xa "admin recruiter analyst agent"
complete -c lakehouse -n "__fish_seen_subcommand_from key" -l name -d "whose key it is" -x
