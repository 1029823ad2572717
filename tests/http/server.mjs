// The harness is shared with the other folders of tests; see tests/lib/server.mjs.
export * from '../lib/server.mjs';
