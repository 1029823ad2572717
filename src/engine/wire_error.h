/* struct lh_err across a process: the payload of an error frame. */
#ifndef LH_ENGINE_WIRE_ERROR_H
#define LH_ENGINE_WIRE_ERROR_H

#include "base/error.h"
#include "base/json.h"

json_t *wire_error_to_json(const struct lh_err *err);
/* Fills `err` with what the object says and returns its code; what is missing or odd reads as LH_INTERNAL, so that no
 * worker can make an error look like success. */
enum lh_code wire_error_from_json(const json_t *object, struct lh_err *err);

#endif
