# bash completion for lakehouse(1)
_lakehouse() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -*) ;;
            *)
                command=${COMP_WORDS[i]}
                break
                ;;
        esac
    done
    local choices=""
    case $previous in
        --data)
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        --config | --parquet)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        --mode) choices="create append replace upsert" ;;
        --role) choices="admin recruiter analyst agent" ;;
        --server) choices="http://127.0.0.1:3100" ;;
        -c | --name | --http | --primary-key | --bucket | --scale | --seed) return ;;
        *)
            case $command in
                "") choices="serve sql ingest demo check config key version help --help --version" ;;
                serve) choices="--config --data --http --insecure --help" ;;
                sql) choices="-c --server --data --json --csv --ndjson --parquet --help" ;;
                ingest) choices="--name --mode --primary-key --bucket --server --data --json --help" ;;
                demo) choices="--data --scale --seed --help" ;;
                check) choices="--data --json --repair --help" ;;
                config) choices="check show --config --help" ;;
                key) choices="create list revoke --role --name --server --data --help" ;;
            esac
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
    case $command in
        sql | ingest)
            [[ $word == -* ]] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
            ;;
    esac
}
complete -o filenames -F _lakehouse lakehouse
