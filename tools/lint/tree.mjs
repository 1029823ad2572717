// What the lint scripts share: the files of the tree, and how a finding is told.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** Files that git tracks or would track, below `folder`, whose names match. */
export function files(folder, pattern) {
  const out = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z', '--', folder], { encoding: 'utf8' });
  return [...new Set(out.split('\0'))].filter((name) => pattern.test(name) && existsSync(name)).sort();
}

export const cFiles = (folder) => files(folder, /\.(c|h|cpp)$/);
export const readLines = (file) => readFileSync(file, 'utf8').split('\n');

let findings = 0;

export function complain(file, line, text) {
  console.log(line > 0 ? `${file}:${line}: ${text}` : `${file}: ${text}`);
  findings++;
}

/** The C text with comments and the contents of strings blanked, lines kept. */
export function codeOnly(text) {
  const blank = (s) => s.replace(/[^\n]/g, ' ');
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, (token) =>
    token.startsWith('"') ? `"${blank(token.slice(1, -1))}"` : blank(token),
  );
}

export function finish(name) {
  if (findings > 0) {
    console.log(`${name}: ${findings} ${findings === 1 ? 'finding' : 'findings'}`);
    process.exit(1);
  }
}
