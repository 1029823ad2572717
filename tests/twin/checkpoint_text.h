/* A checkpoint codec that needs no engine: the object is the text of the rows. */
#ifndef LH_TWIN_CHECKPOINT_TEXT_H
#define LH_TWIN_CHECKPOINT_TEXT_H

#include "catalog/checkpoint.h"

extern const struct checkpoint_codec checkpoint_text_codec;

#endif
