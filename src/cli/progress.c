#include "cli/progress.h"

#include "base/buf.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "os/clock.h"

#include <stdio.h>

#define FIRST_SHOWN_NS 500000000
#define REDRAWN_NS 100000000

void progress_start(struct progress *p, const struct cli *cli, const char *label) {
    *p = (struct progress){.cli = cli, .label = label, .started_ns = os_monotonic_ns(cli->os)};
}

/* Time since the start where the line is to be redrawn now, else 0. */
static int64_t due(struct progress *p) {
    if (!p->cli->progress)
        return 0;
    int64_t now = os_monotonic_ns(p->cli->os), elapsed = now - p->started_ns;
    if (elapsed < FIRST_SHOWN_NS || now - p->shown_ns < REDRAWN_NS)
        return 0;
    p->shown_ns = now;
    return elapsed;
}

static void redraw(struct progress *p, const struct buf *line) {
    fprintf(stderr, "\r\033[K%s", buf_cstr(line));
    fflush(stderr);
    p->visible = true;
}

void progress_count(struct progress *p, uint64_t done, uint64_t total, const char *things) {
    if (due(p) == 0)
        return;
    LH_AUTO(buf) struct buf line = BUF_INIT;
    buf_printf(&line, "%s  ", p->label);
    lh_count_format(done, &line);
    buf_append_str(&line, " of ");
    lh_count_format(total, &line);
    buf_printf(&line, " %s", things);
    redraw(p, &line);
}

void progress_bytes(struct progress *p, uint64_t done, uint64_t total) {
    int64_t elapsed = due(p);
    if (elapsed == 0)
        return;
    LH_AUTO(buf) struct buf line = BUF_INIT;
    double seconds = (double)elapsed / 1e9, rate = (double)done / seconds;
    buf_printf(&line, "%s  ", p->label);
    lh_size_format(done, &line);
    if (total > 0 && done >= total) {
        buf_append_str(&line, " sent, working");
    } else {
        if (total > 0)
            buf_printf(&line, " (%.0f%%)", 100.0 * (double)done / (double)total);
        buf_append_str(&line, ", ");
        lh_size_format((uint64_t)rate, &line);
        buf_append_str(&line, "/s");
        if (total > done && rate > 0) {
            buf_append_str(&line, ", left: ");
            lh_duration_format((int64_t)((double)(total - done) / rate * 1000), &line);
        }
    }
    redraw(p, &line);
}

void progress_end(struct progress *p) {
    if (p->visible)
        fputs("\r\033[K", stderr);
    p->visible = false;
}
