/* Every fault point of the tree: one list, sorted by name (a unit test holds it so).  X(name, where it stands).
 * Adding one: put LH_FAULT("module.step", err) at the place and a row here; tests/crash/fault_points.test.mjs then
 * crashes, fails and delays the server there. */
#ifndef LH_OS_FAULT_POINTS_H
#define LH_OS_FAULT_POINTS_H

/* clang-format off */
#define LH_FAULT_POINTS(X) \
    X("append_log.after_append", "a record is in the local log, not yet flushed") \
    X("append_log.after_batch", "a batch object is written, its local log still stands") \
    X("append_log.after_compact", "a merged batch object is written, the merged ones still stand") \
    X("append_log.after_drop", "a flushed segment is removed, its folder is not yet flushed") \
    X("append_log.before_append", "a group of records is about to be written to the local log") \
    X("append_log.before_batch", "a segment is read, its batch object is not written") \
    X("append_log.before_compact", "the batches to merge are read, nothing is written") \
    X("append_log.before_delete_merged", "the merged batch stands, one of the merged ones is about to go") \
    X("append_log.before_fsync", "records of a group are written, none acknowledged") \
    X("append_log.before_recover", "opening found a segment and has not read it") \
    X("append_log.before_seal", "the active segment is about to be closed") \
    X("append_log.before_segment", "a new segment is due, no file is made") \
    X("append_log.before_segment_name_sync", "a new segment's header is durable, its name is not") \
    X("buckets.before_save", "a bucket was added or removed in memory, not yet in the registry's object") \
    X("catalog.after_checkpoint", "a checkpoint object is written, not yet used") \
    X("catalog.after_commit", "the commit record is durable and published, nobody has heard of it") \
    X("catalog.after_record", "the commit record is durable; an error here is a lost reply") \
    X("catalog.before_checkpoint", "a checkpoint is due, nothing written") \
    X("catalog.before_checkpoint_read", "a checkpoint is about to be read, at opening or for a past version") \
    X("catalog.before_commit", "transactions are validated, no record written") \
    X("catalog.before_open", "nothing of the catalog is read yet") \
    X("catalog.before_record_read", "a commit record is about to be read") \
    X("compact.after_commit", "a step's commit is durable, its job does not know") \
    X("compact.after_read", "a worker has written the compacted files in its own folder") \
    X("compact.after_write", "the compacted files stand as objects, the catalog does not know them") \
    X("compact.before_commit", "a step's transaction is about to be handed to the catalog") \
    X("compact.before_read", "a step is planned, no worker has seen it") \
    X("engine.after_spawn", "a worker was forked, its socket is not used yet") \
    X("engine.after_task", "a worker has answered a task, nothing was made of it") \
    X("engine.before_host", "the engine host is about to be started") \
    X("engine.before_request", "a worker is leased, its request not yet sent") \
    X("engine.before_spawn", "the engine host is about to be asked for a worker") \
    X("engine.before_task", "a task is about to wait for its worker") \
    X("evals.after_put", "an eval set is an object, its caller has no answer") \
    X("evals.before_put", "an eval set is made, nothing is written") \
    X("hot.before_load", "a dataset is about to be loaded into the hot cache, nothing is made") \
    X("hot.before_pins", "a dataset was pinned in memory, the list of pins is not written") \
    X("hot.before_publish", "a dataset is loaded into a file that no statement knows") \
    X("index.after_part", "a part of a build is an object, no checkpoint names it") \
    X("index.after_switch", "an index's new record is durable, searches use the old generation") \
    X("index.before_seal", "every document is embedded, nothing of the new generation is written") \
    X("index.before_switch", "all of a new generation stands, no record names it") \
    X("ingest.after_commit", "an upload is committed, its client has no answer") \
    X("ingest.after_read", "a worker has turned an upload into Parquet in its own folder") \
    X("ingest.after_write", "the Parquet files of an upload stand, the catalog does not know them") \
    X("ingest.before_commit", "an upload's transaction is about to be handed to the catalog") \
    X("ingest.before_read", "an upload is spooled, no worker has seen it") \
    X("ingest.before_rejects", "the rows of an upload are an object, its rejected lines are not") \
    X("ingest.before_spool", "an upload begins, no file is made") \
    X("ingest.before_spool_write", "bytes of an upload are about to be spooled") \
    X("ingest.delta_written", "the rows of a request are an object, no commit names it") \
    X("jobs.after_checkpoint", "a checkpoint is durable, its job does not know") \
    X("jobs.after_run", "a job has done its work, its end is not written") \
    X("jobs.before_checkpoint", "a job is about to write a checkpoint") \
    X("jobs.before_run", "a job's start is written, it has done nothing") \
    X("jobs.before_submit", "a job is asked for, nothing is written") \
    X("journal.after_file", "an event file stands, what it was made of is not yet gone") \
    X("journal.before_build", "events of a segment are read, their file is not made") \
    X("journal.before_delete_replaced", "a merged event file stands, one that it replaces is about to go") \
    X("journal.before_feed", "commits are about to be told as events") \
    X("journal.before_file", "the index of an event file stands, the file does not") \
    X("journal.before_index", "an event file is made, it and its index are no objects") \
    X("journal.before_list", "the event files are about to be listed") \
    X("journal.before_merge", "event files are chosen, the merged one is not made") \
    X("journal.before_read", "files are chosen for a history, nothing is read of them") \
    X("journal.before_redact", "an event file is about to be written again without what is to be forgotten") \
    X("journal.before_redaction", "events stand, the request to forget others is not yet durable") \
    X("keys.after_write", "a key was written or revoked on storage, its caller has no answer") \
    X("keys.before_load", "the keys are about to be read from storage") \
    X("keys.before_write", "a key is about to be written or revoked") \
    X("lake.after_changes", "what an upsert changes is an object, no commit names it") \
    X("lake.after_tombstones", "tombstones and their changes are objects, no commit names them") \
    X("lake.before_changes", "the rows of an upsert are an object, the rows that they replace are not read") \
    X("lake.before_commit", "the files of a dataset stand, their transaction is about to be committed") \
    X("lake.before_tombstones", "a worker has written tombstones in its own folder") \
    X("promote.after_record", "a record asks for other settings, no job builds them") \
    X("promote.before_record", "a promotion is decided, no record says so") \
    X("store.after_delete", "an object's name is gone, its folder is not yet flushed") \
    X("store.after_fsync", "an object's temporary file is durable, not yet looked at") \
    X("store.after_publish", "an object has its final name, its folder is not yet flushed") \
    X("store.before_adopt", "a finished file is about to be taken over as an object") \
    X("store.before_create", "an object's temporary file is about to be made") \
    X("store.before_delete", "an object is about to be deleted") \
    X("store.before_folder_sync", "the folders above an object are not known to be durable") \
    X("store.before_fsync", "an object's bytes are written to its temporary file, not flushed") \
    X("store.before_list", "a folder of objects is about to be listed") \
    X("store.before_mkdir", "a folder for an object is about to be made") \
    X("store.before_open", "an object is about to be opened for reading") \
    X("store.before_opening_sync", "a bucket is being opened, what a killed process left is not flushed") \
    X("store.before_publish", "an object's temporary file is durable, it has no final name") \
    X("store.before_read", "bytes of an open object are about to be read") \
    X("store.before_rename", "an object's folders stand, its final name does not") \
    X("store.before_write", "bytes of an object are about to go to its temporary file") \
    X("trial.after_build", "a graph is built aside and measured, nothing is written down") \
    X("trial.after_record", "a trial is written down, its job does not know") \
    X("trial.before_build", "a trial begins, no graph is built") \
    X("trial.before_record", "a trial is measured, nothing is written down") \
    X("vacuum.after_delete", "the files are gone, the horizon is not complete") \
    X("vacuum.after_horizon", "the horizon is durable, no file is gone") \
    X("vacuum.before_delete", "a file is about to go") \
    X("vacuum.before_horizon", "what is to go is known, the horizon is not written")
/* clang-format on */

#endif
