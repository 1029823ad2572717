// command_line.mjs [--check]: the COMMANDS of docs/man/lakehouse.1 and the files of share/completions, from what the program
// itself answers to --help.  --check writes nothing; it names the files that are out of date and exits with 1.
// The program is $LAKEHOUSE_BIN, or build/release/bin/lakehouse.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const binary = path.resolve(root, process.env.LAKEHOUSE_BIN ?? 'build/release/bin/lakehouse');
const ask = (...args) => execFileSync(binary, args, { encoding: 'utf8' });

const commands = [...ask('help').matchAll(/^ {2}([a-z]+) {2,}(.+)$/gm)].map(([, name, summary]) => {
  const [head, options = ''] = ask(name, '--help').split('\nOptions:\n');
  return {
    name,
    summary,
    usage: [...head.matchAll(/^(?:usage:| {6}) lakehouse (.+)$/gm)].map((found) => found[1]),
    help: head.slice(head.indexOf('\n\n') + 2).trimEnd(),
    options: [...options.matchAll(/^ {2}(?:-(\w), | {4})--([a-z-]+)(?: ([A-Z:]+))? {2,}(.+)$/gm)].map(
      ([, letter, option, argument, text]) => ({ letter, name: option, argument, text }),
    ),
  };
});

// What may stand for an option's argument, and behind a command.
const values = {
  ROLE: 'admin recruiter analyst agent',
  MODE: 'create append replace',
  SEARCH: 'vector text hybrid',
  FORMAT: 'csv tsv json ndjson parquet text',
  BOOL: 'true false',
  URL: 'http://127.0.0.1:3100',
};
const words = { key: 'create list revoke', config: 'check show', vec: 'build search bench inspect', index: 'create list refresh delete tune trials promote rollback', help: commands.map((c) => c.name).join(' ') };
const takesFiles = ['sql', 'ingest', 'vec'];
const all = [...commands, { name: 'help', summary: 'how to use a command', options: [] }];

// ---- the man page ----

const roff = (text) => text.replace(/\\/g, '\\e').replace(/-/g, '\\-').replace(/^([.'])/gm, '\\&$1');
const manCommand = (c) =>
  [
    `.SS lakehouse ${c.name}`,
    '.nf',
    ...c.usage.map((line) => `.B lakehouse ${roff(line)}`),
    '',
    roff(c.help),
    '.fi',
    ...c.options.flatMap((o) => [
      '.TP',
      `.B ${roff(`${o.letter ? `-${o.letter}, ` : ''}--${o.name}`)}${o.argument ? ` ${o.argument}` : ''}`,
      roff(o.text),
    ]),
  ].join('\n');

function manPage() {
  const page = readFileSync(path.join(root, 'docs/man/lakehouse.1'), 'utf8');
  const start = page.indexOf('.SH COMMANDS\n');
  const end = page.indexOf('.SH EXIT STATUS\n');
  if (start < 0 || end < start) throw new Error('docs/man/lakehouse.1 has no COMMANDS before EXIT STATUS');
  return `${page.slice(0, start)}.SH COMMANDS\n${commands.map(manCommand).join('\n')}\n${page.slice(end)}`;
}

// ---- completions ----

const notice = '# Made by tools/generate/command_line.mjs from the program\'s own help.';

function bash() {
  const names = (filter) => [...new Set(all.flatMap((c) => c.options.filter(filter).flatMap((o) => [`--${o.name}`, ...(o.letter ? [`-${o.letter}`] : [])])))];
  // A letter means different things to different commands: only the long names choose among words.
  const long = (filter) => names(filter).filter((name) => name.startsWith('--')).join(' | ');
  return `# bash completion for lakehouse(1)
${notice}
_lakehouse() {
    local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command=\${COMP_WORDS[1]} choices=""
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "${all.map((c) => c.name).join(' ')} --help --version" -- "$word")
        return
    fi
    case $previous in
        ${long((o) => o.argument === 'DIR')})
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        ${long((o) => o.argument === 'FILE' || o.argument === 'OUT')})
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
${Object.entries(values)
  .map(([kind, list]) => `        ${long((o) => o.argument === kind)})
            mapfile -t COMPREPLY < <(compgen -W "${list}" -- "$word")
            return
            ;;`)
  .join('\n')}
        ${long((o) => o.argument && !['DIR', 'FILE', 'OUT', ...Object.keys(values)].includes(o.argument))})
            return
            ;;
    esac
    case $command in
${all.map((c) => `        ${c.name}) choices="${[words[c.name], ...c.options.map((o) => `--${o.name}`), '--help'].filter(Boolean).join(' ')}" ;;`).join('\n')}
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
    case $command in
        ${takesFiles.join(' | ')})
            [[ $word == -* ]] || mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
            ;;
    esac
}
complete -o filenames -F _lakehouse lakehouse
`;
}

const single = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function fish() {
  const lines = [`# fish completion for lakehouse(1)`, notice, `set -l commands ${all.map((c) => c.name).join(' ')}`, 'complete -c lakehouse -f'];
  for (const c of all) lines.push(`complete -c lakehouse -n "not __fish_seen_subcommand_from $commands" -a ${c.name} -d ${single(c.summary)}`);
  for (const c of all) {
    const here = `complete -c lakehouse -n "__fish_seen_subcommand_from ${c.name}"`;
    if (words[c.name]) lines.push(`${here} -a "${words[c.name]}"`);
    if (takesFiles.includes(c.name)) lines.push(`${here} -F`);
    for (const o of c.options) {
      const value = !o.argument
        ? ''
        : o.argument === 'DIR'
          ? ' -xa "(__fish_complete_directories)"'
          : ['FILE', 'OUT'].includes(o.argument)
            ? ' -rF'
            : values[o.argument]
              ? ` -xa "${values[o.argument]}"`
              : ' -x';
      lines.push(`${here}${o.letter ? ` -s ${o.letter}` : ''} -l ${o.name} -d ${single(o.text)}${value}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function zsh() {
  const plain = (text) => text.replace(/[[\]:]/g, (sign) => `\\${sign}`);
  const spec = (o) => {
    const action = !o.argument
      ? ''
      : o.argument === 'DIR'
        ? ':folder:_files -/'
        : ['FILE', 'OUT'].includes(o.argument)
          ? ':file:_files'
          : `:${plain(o.argument).toLowerCase()}:${values[o.argument] ? `(${values[o.argument].replaceAll(':', '\\:')})` : ''}`;
    const both = o.letter ? [`-${o.letter}`, `--${o.name}`] : [`--${o.name}`];
    return both.map((name) => `${' '.repeat(20)}${single(`(${both.join(' ')})${name}[${plain(o.text)}]${action}`)} \\`);
  };
  const command = (c) =>
    [
      `                ${c.name})`,
      '                    _arguments \\',
      ...c.options.flatMap(spec),
      `                    ${[words[c.name] && `'1: :(${words[c.name]})'`, takesFiles.includes(c.name) ? "'*:file:_files'" : "'--help[tell more]'"].filter(Boolean).join(' ')}`,
      '                    ;;',
    ].join('\n');
  return `#compdef lakehouse
# zsh completion for lakehouse(1)
${notice}

_lakehouse() {
    local state
    _arguments -C '1: :->command' '*:: :->arguments'
    case $state in
        command)
            local -a commands=(
${all.map((c) => `                ${single(`${c.name}:${plain(c.summary)}`)}`).join('\n')}
            )
            _describe command commands
            ;;
        arguments)
            case $words[1] in
${all.map(command).join('\n')}
            esac
            ;;
    esac
}

_lakehouse "$@"
`;
}

const made = {
  'docs/man/lakehouse.1': manPage(),
  'share/completions/lakehouse.bash': bash(),
  'share/completions/lakehouse.fish': fish(),
  'share/completions/lakehouse.zsh': zsh(),
};
for (const [file, text] of Object.entries(made)) {
  const full = path.join(root, file);
  if (readFileSync(full, 'utf8') === text) continue;
  if (process.argv.includes('--check')) {
    console.error(`${file} does not say what the program says: node tools/generate/command_line.mjs`);
    process.exitCode = 1;
  } else {
    writeFileSync(full, text);
    console.log(`wrote ${file}`);
  }
}
