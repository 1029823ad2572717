/* What a worker process may do: written by the server, carried in the spawn frame, enforced by the worker on itself
 * before it sees the first byte of a request.  One shape for all classes; the classes differ in what the server puts
 * in. */
#ifndef LH_ENGINE_PROFILE_H
#define LH_ENGINE_PROFILE_H

#include "base/error.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

struct arena;

/* X(NAME, "name in frames, titles and metrics") */
#define WORKER_CLASSES(X) \
    X(ADMIN, "admin")     \
    X(INGEST, "ingest")   \
    X(ROLE, "role")

enum worker_class {
#define WORKER_CLASS_ENUM(name, text) WORKER_##name,
    WORKER_CLASSES(WORKER_CLASS_ENUM)
#undef WORKER_CLASS_ENUM
};

const char *worker_class_name(enum worker_class c);

/* Paths are absolute.  Limits of 0 mean: none. */
struct worker_profile {
    enum worker_class worker_class;
    const char *const *read_paths; /* files or folders; folders with all below them */
    size_t read_count;
    const char *output_dir;       /* may be written besides temp_dir; NULL: nothing may */
    const char *temp_dir;         /* the worker's own folder, which exists; NULL: DuckDB may not spill */
    uint64_t memory_limit_bytes;  /* DuckDB's own */
    uint64_t address_space_bytes; /* RLIMIT_AS: what DuckDB's accounting misses */
    uint64_t file_size_bytes;     /* RLIMIT_FSIZE */
    uint64_t cpu_seconds;         /* RLIMIT_CPU; for fresh workers only, a pooled one would use it up */
    uint64_t open_files;          /* RLIMIT_NOFILE */
    uint32_t threads;
};

json_t *worker_profile_to_json(const struct worker_profile *profile);
/* Strings are copied into `arena`. */
LH_CHECKED enum lh_code worker_profile_from_json(const json_t *object, struct arena *arena,
                                                 struct worker_profile *ret_profile, struct lh_err *err);

#endif
