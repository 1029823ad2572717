#compdef lakehouse
# zsh completion for lakehouse(1)

_lakehouse() {
    local state
    local -a target=(
        '(--data)--server[address of a running server]:URL:(http\://127.0.0.1\:3100)'
        '(--server)--data[data folder, without a server]:folder:_files -/'
    )
    _arguments -C '1: :->command' '*:: :->arguments'
    case $state in
        command)
            local -a commands=(
                'serve:run the server'
                'sql:run SQL, or type it interactively'
                'ingest:bring files in'
                'demo:make the staffing demo'
                'check:verify a data folder'
                'config:check or show the configuration'
                'key:create, list and revoke API keys'
                'version:say which version this is'
                'help:say how to use a command'
            )
            _describe command commands
            ;;
        arguments)
            case $words[1] in
                serve)
                    _arguments '--config[configuration file]:file:_files' '--data[data folder]:folder:_files -/' \
                        '--http[address and port to listen on]:address' \
                        '--insecure[serve a non-loopback address without authentication]'
                    ;;
                sql)
                    _arguments $target '-c[the statement]:SQL' '(--csv --ndjson --parquet)--json[print JSON]' \
                        '(--json --ndjson --parquet)--csv[print CSV]' '(--json --csv --parquet)--ndjson[print NDJSON]' \
                        '(--json --csv --ndjson)--parquet[write a Parquet file]:file:_files' '::file:_files'
                    ;;
                ingest)
                    _arguments $target '--name[name of the dataset]:name' \
                        '--mode[what to do with an existing dataset]:mode:(create append replace upsert)' \
                        '--primary-key[columns]:columns' '--bucket[bucket of the files]:bucket' '--json[print JSON]' '*:file:_files'
                    ;;
                demo)
                    _arguments '--data[data folder]:folder:_files -/' '--scale[factor on the row counts]:factor' '--seed[seed]:number'
                    ;;
                check)
                    _arguments '--data[data folder]:folder:_files -/' '--json[print JSON]' '--repair[mend what can be mended]'
                    ;;
                config)
                    _arguments '1: :(check show)' '--config[configuration file]:file:_files'
                    ;;
                key)
                    _arguments $target '1: :(create list revoke)' '--role[role of the key]:role:(admin recruiter analyst agent)' \
                        '--name[whose key it is]:name'
                    ;;
            esac
            ;;
    esac
}

_lakehouse "$@"
