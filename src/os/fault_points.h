/* Every fault point of the tree: one list, sorted by name (a unit test holds it so).  X(name, where it stands).
 * Adding one: put LH_FAULT("module.step", err) at the place and a row here. */
#ifndef LH_OS_FAULT_POINTS_H
#define LH_OS_FAULT_POINTS_H

#define LH_FAULT_POINTS(X)                                                                          \
    X("append_log.after_append", "a record is in the local log, not yet flushed")                   \
    X("append_log.after_batch", "a batch object is written, its local log still stands")            \
    X("append_log.after_compact", "a merged batch object is written, the merged ones still stand")  \
    X("append_log.before_fsync", "records of a group are written, none acknowledged")               \
    X("catalog.after_checkpoint", "a checkpoint object is written, not yet used")                   \
    X("catalog.after_commit", "the commit record is durable, the snapshot in memory still old")     \
    X("catalog.before_checkpoint", "a checkpoint is due, nothing written")                          \
    X("catalog.before_commit", "transactions are validated, no record written")                     \
    X("engine.before_request", "a worker is leased, its request not yet sent")                      \
    X("engine.before_spawn", "the engine host is about to be asked for a worker")                   \
    X("ingest.after_write", "the Parquet files of an upload stand, the catalog does not know them") \
    X("ingest.before_commit", "an upload's transaction is about to be handed to the catalog")       \
    X("store.after_publish", "an object has its final name, its folder is not yet flushed")         \
    X("store.before_fsync", "an object's bytes are written to its temporary file, not flushed")     \
    X("store.before_publish", "an object's temporary file is durable, it has no final name")

#endif
