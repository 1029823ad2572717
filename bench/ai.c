/* The chunker and the built-in embedding on one core, over the demo's candidates with their resumes.
 *
 *     bench_ai [ROWS]        100,000 rows of about 2 KB; short texts are those cut into sentences and lines of up to 120 characters */
#include "ai/chunk.h"
#include "ai/lexical.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "demo/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 256

static double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* other programs' time does not count */
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct texts {
    struct ai_text *items;
    size_t count, cap, bytes;
};

static void add_text(struct texts *t, const char *data, size_t len) {
    if (t->count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 1024;
        t->items = lh_realloc(t->items, t->cap * sizeof *t->items);
    }
    t->items[t->count++] = (struct ai_text){data, len};
    t->bytes += len;
}

/* Cut every document; `ret_pieces` (may be NULL) gets the chunks as texts. */
static void cut_all(const struct texts *documents, const struct chunk_options *options, struct texts *ret_pieces) {
    struct lh_err err = LH_ERR_INIT;
    struct chunker *chunker = NULL;
    const struct chunk *chunks = NULL;
    size_t count = 0, total = 0;
    if (chunker_new(options, &chunker, &err) != LH_OK)
        exit(1);
    double start = now_seconds();
    for (size_t i = 0; i < documents->count; i++) {
        if (chunker_run(chunker, documents->items[i].data, documents->items[i].len, &chunks, &count, &err) != LH_OK)
            exit(1);
        total += count;
        for (size_t k = 0; ret_pieces && k < count; k++)
            add_text(ret_pieces, documents->items[i].data + chunks[k].begin, chunks[k].end - chunks[k].begin);
    }
    double seconds = now_seconds() - start;
    printf("| chunks of %u %s, %u shared | %zu documents, %zu chunks, %.2f s, %.0f MB/s |\n", options->size,
           options->unit == CHUNK_TOKENS ? "tokens" : "characters", options->overlap, documents->count, total, seconds,
           (double)documents->bytes / seconds / 1e6);
    chunker_free(chunker);
}

static void embed_all(const char *name, const struct lexical_weights *weights, unsigned dims,
                      const struct texts *texts) {
    static float vectors[BATCH * 768];
    double start = now_seconds();
    for (size_t i = 0; i < texts->count; i += BATCH)
        lexical_embed(weights, dims, texts->items + i, texts->count - i < BATCH ? texts->count - i : BATCH, vectors);
    double seconds = now_seconds() - start;
    printf("| %s, %u dimensions | %zu texts of %zu bytes, %.2f s, %.0f texts a second |\n", name, dims, texts->count,
           texts->bytes / texts->count, seconds, (double)texts->count / seconds);
}

int main(int argc, char **argv) {
    size_t rows = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 100000;
    struct demo *demo = demo_new(1, (double)rows / 100000);
    struct buf all = BUF_INIT;
    struct texts documents = {0}, pieces = {0};
    size_t *ends = lh_malloc(rows * sizeof *ends);
    for (size_t i = 0; i < rows; i++) {
        demo_append_rows(demo, DEMO_CANDIDATES, i, 1, &all);
        ends[i] = all.len;
    }
    for (size_t i = 0; i < rows; i++)
        add_text(&documents, all.data + (i ? ends[i - 1] : 0), ends[i] - (i ? ends[i - 1] : 0));
    cut_all(&documents, &(struct chunk_options){CHUNK_CHARACTERS, 1000, 150}, NULL);
    cut_all(&documents, &(struct chunk_options){CHUNK_TOKENS, 256, 32}, NULL);
    cut_all(&documents, &(struct chunk_options){CHUNK_CHARACTERS, 120, 0}, &pieces);

    struct lexical_counter *counter = lexical_counter_new();
    double start = now_seconds();
    for (size_t i = 0; i < documents.count; i++)
        lexical_counter_add(counter, documents.items[i].data, documents.items[i].len);
    struct lexical_weights *learned = lexical_weights_learn(counter);
    printf("| weights learned | %zu documents, %.2f s |\n", documents.count, now_seconds() - start);
    struct lexical_weights *builtin = lexical_weights_builtin();
    pieces.bytes = 0;
    pieces.count = pieces.count < 200000 ? pieces.count : 200000;
    for (size_t i = 0; i < pieces.count; i++)
        pieces.bytes += pieces.items[i].len;
    documents.count = documents.count < 20000 ? documents.count : 20000;
    documents.bytes = ends[documents.count - 1];
    embed_all("short texts", builtin, 384, &pieces);
    embed_all("short texts, learned weights", learned, 384, &pieces);
    embed_all("short texts, learned weights", learned, 768, &pieces);
    embed_all("whole rows, learned weights", learned, 384, &documents);
    lexical_weights_free(builtin);
    lexical_weights_free(learned);
    lexical_counter_free(counter);
    lh_free(pieces.items);
    lh_free(documents.items);
    lh_free(ends);
    buf_release(&all);
    demo_free(demo);
    return 0;
}
