/* The validator of inverted lists: what holds of every IVF, whether built, opened, appended to or deleted from. */
#include "vector/ivf_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/scorer.h"

#include <math.h>

static enum lh_code check_slot(const struct vec_ivf *ivf, uint32_t number, uint32_t slot, struct lh_err *err) {
    const struct ivf_list *list = &ivf->lists[number];
    uint32_t id = list->ids[slot];
    bool used = id != VEC_NO_ID;
    if (used && (slot >= list->n || id >= ivf->rows.n || ivf->list_of[id] != number || ivf->slot_of[id] != slot))
        return lh_fail(err, LH_CORRUPT, "list %u has row %u in slot %u, where it is not", number, id, slot);
    if (ivf->pq) {
        if (!isfinite(list->adds[slot]))
            return lh_fail(err, LH_CORRUPT, "slot %u of list %u has a float that is not finite", slot, number);
        return LH_OK;
    }
    const uint8_t *block = list->codes + slot / VEC_BLOCK_ROWS * vec_rabitq_block_bytes(ivf->rq);
    if (vec_rabitq_block_slot(ivf->rq, block, slot % VEC_BLOCK_ROWS) != (used ? VEC_SLOT_USED : VEC_SLOT_CLEAR))
        return lh_fail(err, LH_CORRUPT, "slot %u of list %u has factors that cannot be", slot, number);
    return LH_OK;
}

enum lh_code vec_ivf_check(const struct vec_ivf *ivf, struct vec_scan_report *ret_report, struct lh_err *err) {
    struct vec_scan_report report = {.lists = ivf->config.lists};
    uint64_t found = 0;
    LH_TRY(vec_check_lengths(&ivf->rows, ivf->inverse_lengths, err));
    for (uint32_t l = 0; l < ivf->config.lists; l++) {
        const struct ivf_list *list = &ivf->lists[l];
        for (uint32_t slot = 0; slot < list->capacity; slot++) {
            LH_TRY(check_slot(ivf, l, slot, err));
            found += list->ids[slot] != VEC_NO_ID;
        }
        report.longest = list->n > report.longest ? list->n : report.longest;
        report.empty += list->n == 0;
    }
    for (uint32_t id = 0; id < ivf->rows.n; id++)
        report.live += vec_ivf_live(ivf, id);
    if (found != report.live)
        return lh_fail(err, LH_CORRUPT, "the lists hold %llu rows where %llu are live", (unsigned long long)found,
                       (unsigned long long)report.live);
    report.deleted = ivf->rows.n - report.live;
    *ret_report = report;
    return LH_OK;
}
