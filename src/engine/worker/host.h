/* The engine host: the process that forks workers.
 *
 * `lakehouse engine-host` is exec'd by the server with its end of a socket pair as descriptor 3.  It opens libduckdb
 * once and then serves spawn and reap requests on one thread, so that a fork is a ready DuckDB and copies no lock in
 * an odd state.  It ends when the server's end of the socket closes; its workers end with it.  Frames:
 * src/engine/README.md. */
#ifndef LH_ENGINE_WORKER_HOST_H
#define LH_ENGINE_WORKER_HOST_H

/* The main of the hidden command.  argv[0] must be writable and followed by a spare argument that process titles may be
 * written over (the server passes one).  Returns the exit status; in a worker it does not return. */
int engine_host_main(int argc, char **argv);

#endif
