/* How a row is named in the journal, in SQL: the text of its key (engine/worker/row_text.h) in a form that can stand as the
 * entity of an event.  Server and workers must say it alike. */
#ifndef LH_ENGINE_ROW_NAME_H
#define LH_ENGINE_ROW_NAME_H

/* The name, of the SQL expression `t`.  A text that is too long (JOURNAL_ENTITY_MAX) becomes its hash; one that has control
 * characters, is empty or looks like such a form becomes a JSON string. */
#define ROW_NAME_SQL(t)                                                     \
    "CASE WHEN strlen(" t ") > 1000 THEN 'sha256:' || sha256(" t ") "       \
    "WHEN " t " = '' OR regexp_matches(" t ", '^\"|^sha256:|[[:cntrl:]]') " \
    "THEN replace(CAST(to_json(" t ") AS VARCHAR), chr(127), '\\u007f') ELSE " t " END"

#endif
