# bash completion for lakehouse(1)
# Made by tools/generate/command_line.mjs from the program's own help.
_lakehouse() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} choices=""
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "serve sql ingest delta demo check history tombstone index search ask jobs compact vacuum maintenance pin unpin key vec config version help --help --version" -- "$word")
        return
    fi
    case $previous in
        --data)
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        --config | --parquet | --vectors)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        --role)
            mapfile -t COMPREPLY < <(compgen -W "admin recruiter analyst agent" -- "$word")
            return
            ;;
        --mode)
            mapfile -t COMPREPLY < <(compgen -W "create append replace" -- "$word")
            return
            ;;
        --mode)
            mapfile -t COMPREPLY < <(compgen -W "vector text hybrid" -- "$word")
            return
            ;;
        --format)
            mapfile -t COMPREPLY < <(compgen -W "csv tsv json ndjson parquet text" -- "$word")
            return
            ;;
        --header)
            mapfile -t COMPREPLY < <(compgen -W "true false" -- "$word")
            return
            ;;
        --server)
            mapfile -t COMPREPLY < <(compgen -W "http://127.0.0.1:3100" -- "$word")
            return
            ;;
        --http | --command | --ask | --limit | --as-of | --timeout | --name | --primary-key | --misfits | --bucket | --delimiter | --quote | --encoding | --scale | --seed | --erased | --dataset | --reason | --id | --text | --provider | --model | --dimensions | --refresh | --grid | --min-recall | --harness | --note | --index | --k | --filter | --profile | --max-tokens | --kind | --state | --sort-by | --retention-hours | --output | --column | --metric | --lists | --m | --ef-construction | --threads | --ef | --nprobe | --epsilon | --recall)
            return
            ;;
    esac
    case $command in
        serve) choices="--data --config --http --insecure --help" ;;
        sql) choices="--server --data --config --command --ask --limit --as-of --timeout --json --ndjson --csv --parquet --help" ;;
        ingest) choices="--server --data --config --name --mode --primary-key --misfits --bucket --format --delimiter --quote --header --encoding --json --help" ;;
        delta) choices="--server --data --config --misfits --json --help" ;;
        demo) choices="--data --config --scale --seed --no-index --json --help" ;;
        check) choices="--data --config --deep --erased --dataset --json --help" ;;
        history) choices="--server --data --config --as-of --limit --json --help" ;;
        tombstone) choices="--server --data --config --reason --erase --undo --json --help" ;;
        index) choices="create list refresh delete tune trials promote rollback --server --data --config --id --text --name --provider --model --dimensions --refresh --rebuild --grid --min-recall --harness --note --no-wait --json --help" ;;
        search) choices="--server --data --config --index --k --mode --filter --rerank --json --help" ;;
        ask) choices="--server --data --config --index --profile --k --mode --filter --rerank --model --max-tokens --json --help" ;;
        jobs) choices="--server --data --config --kind --state --limit --cancel --json --help" ;;
        compact) choices="--server --data --config --sort-by --full --no-wait --json --help" ;;
        vacuum) choices="--server --data --config --dry-run --retention-hours --no-wait --json --help" ;;
        maintenance) choices="--server --data --config --json --help" ;;
        pin) choices="--server --data --config --no-wait --json --help" ;;
        unpin) choices="--server --data --config --json --help" ;;
        key) choices="create list revoke --server --data --config --role --name --json --help" ;;
        vec) choices="build search bench inspect --output --dimensions --column --metric --kind --lists --m --ef-construction --seed --threads --without-vectors --vectors --k --ef --nprobe --epsilon --recall --verify --json --help" ;;
        config) choices="check show --config --json --help" ;;
        version) choices="--json --help" ;;
        help) choices="serve sql ingest delta demo check history tombstone index search ask jobs compact vacuum maintenance pin unpin key vec config version --help" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
    case $command in
        sql | ingest | vec)
            [[ $word == -* ]] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
            ;;
    esac
}
complete -o filenames -F _lakehouse lakehouse
