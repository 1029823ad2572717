// The program of docs/vector-library.md compiles as the page says, prints what it says, and its headers are good C++ too.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { binary, makeTemporaryFolder, removeFolder, root } from '../lib/server.mjs';

const build = path.resolve(path.dirname(binary), '..');
const libraries = ['vector', 'os', 'base'].map((name) => path.join(build, `liblh_${name}.a`));
const skip = libraries.every((file) => existsSync(file)) ? false : 'the program under test is not in its build folder';

// How the libraries were compiled, where that matters to who links them.
const sanitizers = () => {
  const cache = readFileSync(path.join(build, 'CMakeCache.txt'), 'utf8');
  const found = /^LH_SANITIZE:\w+=(.+)$/m.exec(cache)?.[1];
  return [...(found ? [`-fsanitize=${found}`] : []), ...(/^LH_COVERAGE:\w+=ON$/m.test(cache) ? ['--coverage'] : [])];
};

const page = readFileSync(path.join(root, 'docs/vector-library.md'), 'utf8');
const [, program, output] = /```c\n([^]*?)```[^]*?It prints\n\n```\n([^]*?)```/.exec(page);
const include = ['-I', path.join(root, 'src')];
const link = () => [...libraries, '-lm', '-lpthread', ...sanitizers()];

test('the example of the vector library compiles, links without further libraries, and runs', { skip }, (t) => {
  const folder = makeTemporaryFolder('lakehouse-library-');
  t.after(() => removeFolder(folder));
  writeFileSync(path.join(folder, 'program.c'), program);
  const made = path.join(folder, 'program');
  execFileSync('cc', ['-std=c17', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', ...include, '-o', made,
    path.join(folder, 'program.c'), ...link()]);
  assert.equal(execFileSync(made, [path.join(folder, 'index')], { encoding: 'utf8' }), output);
});

test('every public header of the vector library compiles alone, as C and as C++, and links from C++', { skip }, (t) => {
  const folder = makeTemporaryFolder('lakehouse-library-');
  t.after(() => removeFolder(folder));
  const headers = readdirSync(path.join(root, 'src/vector')).filter((name) => name.endsWith('.h') && !name.includes('_internal'));
  assert.ok(headers.length > 15);
  for (const [compiler, standard, end] of [['cc', 'c17', 'c'], ['c++', 'c++17', 'cpp']]) {
    const file = path.join(folder, `header.${end}`);
    for (const header of headers) {
      writeFileSync(file, `#include "vector/${header}"\n`);
      execFileSync(compiler, [`-std=${standard}`, '-Wall', '-Wextra', '-fsyntax-only', ...include, file]);
    }
  }
  writeFileSync(path.join(folder, 'all.cpp'), `${['flat', 'hnsw', 'ivf', 'index', 'recall', 'scan_tune', 'rows_file', 'file', 'metric']
    .map((name) => `#include "vector/${name}.h"\n`).join('')}#include "os/os.h"
    int main() {
        lh_err err;
        vec_index *index = nullptr;
        vec_hnsw *graph = nullptr;
        const struct vec_hnsw_open how = {};
        bool none = vec_index_open(os_real(), "nowhere", 1, &index, &err) == LH_NOT_FOUND &&
                    vec_hnsw_open(os_real(), "nowhere", &how, &graph, &err) == LH_NOT_FOUND;
        vec_flat_free(nullptr);
        vec_ivf_free(nullptr);
        return none && vec_latency_of(nullptr, 0).p50_ns == 0 && vec_metric_name(VEC_L2) ? 0 : 1;
    }\n`);
  const made = path.join(folder, 'all');
  execFileSync('c++', ['-std=c++17', '-Wall', '-Wextra', '-Werror', ...include, '-o', made, path.join(folder, 'all.cpp'), ...link()]);
  execFileSync(made);
});
