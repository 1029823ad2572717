/* The table of armed fault points; compiled into debug builds only.
 *
 * The state is process-wide on purpose: LAKEHOUSE_FAULT names points of a program that a test drives from outside.
 * It is parsed once, at the first hit; counters are atomics, so that the Nth hit is one hit whatever the threads do. */
#include "os/fault.h"

#ifdef LH_FAULTS

#include "os/fault_points.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum fault_action { FAULT_CRASH, FAULT_EIO, FAULT_ENOSPC, FAULT_SHORT, FAULT_DELAY };

struct fault_point {
    const char *name;
    bool armed;
    enum fault_action action;
    long delay_ms;
    long nth;
    atomic_long hits;
};

static struct fault_point points[] = {
#define POINT_ROW(point_name, where) {.name = point_name},
    LH_FAULT_POINTS(POINT_ROW)
#undef POINT_ROW
};

/* The thread that came by a point armed with `short` is the one that writes. */
static _Thread_local enum { SHORT_NONE, SHORT_NEXT, SHORT_FULL } shortness;

static pthread_once_t armed_once = PTHREAD_ONCE_INIT;

static struct fault_point *find_point(const char *name) {
    for (size_t i = 0; i < LH_ARRAY_LEN(points); i++)
        if (strcmp(points[i].name, name) == 0)
            return &points[i];
    return NULL;
}

LH_NORETURN static void die_of_bad_spec(const char *spec) {
    fprintf(stderr, "lakehouse: LAKEHOUSE_FAULT: cannot read \"%s\" (NAME:ACTION[:N]; see os/fault_points.h)\n", spec);
    abort();
}

static bool parse_action(const char *text, struct fault_point *point) {
    if (strcmp(text, "crash") == 0)
        point->action = FAULT_CRASH;
    else if (strcmp(text, "eio") == 0)
        point->action = FAULT_EIO;
    else if (strcmp(text, "enospc") == 0)
        point->action = FAULT_ENOSPC;
    else if (strcmp(text, "short") == 0)
        point->action = FAULT_SHORT;
    else if (strncmp(text, "delay=", 6) == 0) {
        point->action = FAULT_DELAY;
        point->delay_ms = strtol(text + 6, NULL, 10);
    } else
        return false;
    return true;
}

static void arm_one(char *spec) {
    char *save = NULL;
    char *name = strtok_r(spec, ":", &save);
    char *action = strtok_r(NULL, ":", &save);
    char *nth = strtok_r(NULL, ":", &save);
    struct fault_point *point = name ? find_point(name) : NULL;
    if (!point || !action || !parse_action(action, point))
        die_of_bad_spec(name ? name : "");
    point->nth = nth ? strtol(nth, NULL, 10) : 1;
    if (point->nth < 1)
        die_of_bad_spec(name);
    point->armed = true;
}

static void arm_from_environment(void) {
    const char *spec = getenv("LAKEHOUSE_FAULT");
    char copy[8192];
    if (!spec || !*spec)
        return;
    if ((size_t)snprintf(copy, sizeof copy, "%s", spec) >= sizeof copy)
        die_of_bad_spec(spec);
    char *save = NULL;
    for (char *one = strtok_r(copy, ",", &save); one; one = strtok_r(NULL, ",", &save))
        arm_one(one);
}

enum lh_code os_fault_hit(const char *name, struct lh_err *err) {
    pthread_once(&armed_once, arm_from_environment);
    struct fault_point *point = find_point(name);
    if (!point)
        return lh_fail(err, LH_INTERNAL, "the fault point \"%s\" is not in os/fault_points.h", name);
    if (!point->armed || atomic_fetch_add(&point->hits, 1) + 1 != point->nth)
        return LH_OK;
    /* So that a test knows that it has tested something. */
    fprintf(stderr, "fault point %s was hit\n", name);
    switch (point->action) {
    case FAULT_CRASH: _exit(137); /* as after kill -9: nothing is flushed, no handler runs */
    case FAULT_EIO: return lh_fail_errno(err, EIO, "fault point %s", name);
    case FAULT_ENOSPC: return lh_fail_errno(err, ENOSPC, "fault point %s", name);
    case FAULT_SHORT: shortness = SHORT_NEXT; return LH_OK;
    case FAULT_DELAY:
        nanosleep(&(struct timespec){.tv_sec = point->delay_ms / 1000, .tv_nsec = point->delay_ms % 1000 * 1000000},
                  NULL);
        return LH_OK;
    }
    return LH_OK;
}

size_t os_fault_room(size_t len) {
    if (shortness == SHORT_NEXT && len > 1) {
        shortness = SHORT_FULL;
        return len / 2;
    }
    bool full = shortness == SHORT_FULL;
    shortness = full ? SHORT_NONE : shortness;
    return full ? 0 : len;
}

#else

/* ISO C wants a translation unit to declare something. */
extern enum lh_code os_fault_not_compiled_in(void);

#endif
