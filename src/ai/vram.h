/* The memory of NVIDIA's GPUs, asked of their driver's own library (NVML), which is opened at run time: where there is no
 * driver there are no GPUs to tell of. */
#ifndef LH_AI_VRAM_H
#define LH_AI_VRAM_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define VRAM_NAME_SIZE 96

struct vram_gpu {
    char name[VRAM_NAME_SIZE];
    uint64_t total_bytes, used_bytes, free_bytes;
};

/* Up to `max` GPUs.  LH_UNAVAILABLE, saying why, where there is no driver or it does not answer.  `library` NULL: the
 * system's libnvidia-ml.so.1.  Blocks for some milliseconds while the driver is asked. */
LH_CHECKED enum lh_code vram_read(const char *library, struct vram_gpu *ret_gpus, size_t max, size_t *ret_count,
                                  struct lh_err *err);

#endif
