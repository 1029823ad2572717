#include "ai/ai.h"

#include "ai/builtin.h"
#include "ai/lexical.h"
#include "ai/ollama.h"
#include "ai/openai.h"
#include "ai/remote_provider.h"
#include "ai/rerank.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/hash.h"
#include "base/metrics.h"
#include "os/file.h"

#include <string.h>

#define MAX_KEY_BYTES 4096

enum { BUILTIN, OLLAMA, OPENAI, PROVIDERS };

struct ai {
    struct ai_provider *providers[PROVIDERS]; /* NULL: not configured */
    const struct ai_provider *embedder;
    const struct ai_provider *generator;
};

static inline void ai_auto_release(struct ai **ai) {
    ai_close(*ai);
}

static struct remote_provider_options options_of(const struct ai_options *o, const char *name) {
    const struct lh_config_ai *c = &o->config->ai;
    return (struct remote_provider_options){
        .remote =
            {
                .os = o->os,
                .name = name,
                .connect_timeout_ms = c->connect_timeout_ms,
                .first_byte_timeout_ms = c->answer_timeout_ms,
                .timeout_ms = c->timeout_ms,
                .retries = (unsigned)c->retries,
                .breaker_failures = (unsigned)c->breaker_failures,
                .breaker_pause_ms = c->breaker_pause_ms,
                .max_answer_bytes = c->max_answer_bytes,
            },
        .embed_model = "",
        .generate_model = "",
        .batch = (size_t)c->batch,
        .keep_alive_ms = c->keep_alive_ms,
        .document_prefix = c->document_prefix,
        .query_prefix = c->query_prefix,
    };
}

/* The models of the configuration go to whom it gives the part. */
static void set_models(struct remote_provider_options *o, const struct lh_config_ai *c, bool embeds, bool generates) {
    if (embeds) {
        o->embed_model = c->embed_model;
        o->dims = (unsigned)c->embed_dimensions;
    }
    if (generates)
        o->generate_model = c->generate_model;
}

static enum lh_code open_ollama(struct ai *ai, const struct ai_options *o, struct lh_err *err) {
    const struct lh_config_ai *c = &o->config->ai;
    bool embeds = c->embedder == LH_EMBED_OLLAMA, generates = c->generator == LH_GENERATE_OLLAMA;
    bool has_host = o->ollama_host && o->ollama_host[0];
    if (!embeds && !generates && !has_host && !c->ollama_url[0])
        return LH_OK;
    LH_AUTO(buf) struct buf url = BUF_INIT;
    ollama_base_url(c->ollama_url[0] ? c->ollama_url : has_host ? o->ollama_host : "", &url);
    struct remote_provider_options options = options_of(o, AI_OLLAMA);
    options.remote.base_url = url.data;
    options.remote.url_hint = "is Ollama running there ('ollama serve')? ai.ollama_url or OLLAMA_HOST is its address";
    options.remote.key_hint = options.remote.url_hint;
    set_models(&options, c, embeds, generates);
    return ai_ollama_new(&options, &ai->providers[OLLAMA], err);
}

/* The key without white space around it; empty where there is none. */
static enum lh_code read_key(const struct ai_options *o, struct buf *ret_key, struct lh_err *err) {
    const char *file = o->config->ai.openai_key_file;
    if (file[0]) {
        if (os_read_file(o->os, AT_FDCWD, file, MAX_KEY_BYTES, ret_key, err) != LH_OK)
            return lh_err_context(err, "reading the key of \"ai.openai_key_file\"");
    } else if (o->openai_key) {
        buf_append_str(ret_key, o->openai_key);
    }
    while (ret_key->len > 0 && (unsigned char)ret_key->data[ret_key->len - 1] <= ' ')
        buf_truncate(ret_key, ret_key->len - 1);
    while (ret_key->len > 0 && (unsigned char)ret_key->data[0] <= ' ')
        buf_consume(ret_key, 1);
    for (size_t i = 0; i < ret_key->len; i++)
        if ((unsigned char)ret_key->data[i] <= ' ' || (unsigned char)ret_key->data[i] >= 0x7F)
            return lh_fail(err, LH_INVALID,
                           "the key of the provider \"" AI_OPENAI "\" has blanks or other characters that no "
                           "key has");
    return LH_OK;
}

static enum lh_code open_openai(struct ai *ai, const struct ai_options *o, struct lh_err *err) {
    const struct lh_config_ai *c = &o->config->ai;
    bool embeds = c->embedder == LH_EMBED_OPENAI, generates = c->generator == LH_GENERATE_OPENAI;
    LH_AUTO(buf) struct buf key = BUF_INIT;
    if (!embeds && !generates && !c->openai_url[0])
        return LH_OK;
    LH_TRY(read_key(o, &key, err));
    struct remote_provider_options options = options_of(o, AI_OPENAI);
    options.remote.base_url = c->openai_url[0] ? c->openai_url : AI_OPENAI_URL;
    options.remote.key = key.len > 0 ? key.data : NULL;
    options.remote.key_hint =
        "put the right key into the file of ai.openai_key_file, or into OPENAI_API_KEY, and restart";
    options.remote.url_hint = "ai.openai_url must be the base URL, mostly ending in /v1";
    set_models(&options, c, embeds, generates);
    enum lh_code code = ai_openai_new(&options, &ai->providers[OPENAI], err);
    lh_wipe(key.data, key.len);
    return code;
}

enum lh_code ai_open(const struct ai_options *options, struct ai **ret_ai, struct lh_err *err) {
    const struct lh_config_ai *c = &options->config->ai;
    static const int embedders[] = {
        [LH_EMBED_BUILTIN] = BUILTIN, [LH_EMBED_OLLAMA] = OLLAMA, [LH_EMBED_OPENAI] = OPENAI};
    LH_AUTO(ai) struct ai *ai = lh_calloc(1, sizeof *ai);
    bool dims_are_ours = c->embedder == LH_EMBED_BUILTIN && c->embed_dimensions;
    ai->providers[BUILTIN] = ai_builtin_new(options->os, dims_are_ours ? (unsigned)c->embed_dimensions : LEXICAL_DIMS);
    LH_TRY(open_ollama(ai, options, err));
    LH_TRY(open_openai(ai, options, err));
    for (unsigned i = 0; i < PROVIDERS; i++)
        if (ai->providers[i])
            ai->providers[i]->meter = (struct ai_meter){
                options->metrics, options->os, lh_metric_label(LH_METRIC_ai_requests_total, ai->providers[i]->name)};
    ai->embedder = ai->providers[embedders[c->embedder]];
    ai->generator = c->generator == LH_GENERATE_OLLAMA   ? ai->providers[OLLAMA]
                    : c->generator == LH_GENERATE_OPENAI ? ai->providers[OPENAI]
                                                         : NULL;
    *ret_ai = LH_STEAL(ai);
    return LH_OK;
}

void ai_close(struct ai *ai) {
    if (!ai)
        return;
    for (size_t i = 0; i < PROVIDERS; i++)
        ai_provider_free(ai->providers[i]);
    lh_free(ai);
}

const struct ai_provider *ai_embedder(const struct ai *ai) {
    return ai->embedder;
}

const struct ai_provider *ai_generator(const struct ai *ai) {
    return ai->generator;
}

size_t ai_provider_count(const struct ai *ai) {
    size_t count = 0;
    for (size_t i = 0; i < PROVIDERS; i++)
        count += ai->providers[i] != NULL;
    return count;
}

const struct ai_provider *ai_provider_at(const struct ai *ai, size_t i) {
    for (size_t k = 0; k < PROVIDERS; k++)
        if (ai->providers[k] && i-- == 0)
            return ai->providers[k];
    return NULL;
}

void ai_tell_metrics(const struct ai *ai) {
    for (size_t i = 0; i < PROVIDERS; i++)
        if (ai->providers[i])
            ai_provider_tell_metrics(ai->providers[i]);
}

const struct ai_provider *ai_provider_find(const struct ai *ai, const char *name) {
    for (size_t i = 0; i < PROVIDERS; i++)
        if (ai->providers[i] && strcmp(ai->providers[i]->name, name) == 0)
            return ai->providers[i];
    return NULL;
}

/* ---- names of models ---- */

static enum lh_code no_provider(enum ai_ability ability, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_UNAVAILABLE, "no provider that %s is configured",
                      ability == AI_CAN_GENERATE ? "generates text" : "embeds texts"));
    return lh_err_hint(err, "set ai.generator and ai.generate_model in lakehouse.toml, for example to \"ollama\" and "
                            "\"llama3.2\", and restart");
}

/* What the built-in provider has for an ability, "": nothing. */
static const char *builtin_model(enum ai_ability ability) {
    return ability == AI_CAN_EMBED ? LEXICAL_MODEL : ability == AI_CAN_RERANK ? RERANK_MODEL : "";
}

/* "ollama/name": the provider, and *ret_rest behind the slash; "ollama": *ret_rest is "". */
static const struct ai_provider *prefix_provider(const struct ai *ai, const char *model, const char **ret_rest) {
    size_t len = strcspn(model, "/");
    for (size_t i = 0; i < PROVIDERS; i++) {
        const struct ai_provider *p = ai->providers[i];
        if (p && strlen(p->name) == len && memcmp(p->name, model, len) == 0) {
            *ret_rest = model + len + (model[len] == '/');
            return p;
        }
    }
    return NULL;
}

/* Who generates can give marks to texts. */
static bool can(const struct ai_provider *p, enum ai_ability ability) {
    return (p->abilities & (unsigned)ability) || (ability == AI_CAN_RERANK && (p->abilities & AI_CAN_GENERATE));
}

static const char *own_model(const struct ai *ai, const struct ai_provider *p, enum ai_ability ability) {
    if (p == ai->providers[BUILTIN])
        return builtin_model(ability);
    return ability == AI_CAN_EMBED ? p->embed_model : p->generate_model;
}

enum lh_code ai_resolve(const struct ai *ai, const char *model, enum ai_ability ability,
                        const struct ai_provider **ret_provider, const char **ret_model, struct lh_err *err) {
    const struct ai_provider *p = ability == AI_CAN_GENERATE ? ai->generator
                                  : ability == AI_CAN_EMBED  ? ai->embedder
                                                             : ai->providers[BUILTIN];
    const char *rest = model && model[0] ? model : NULL;
    const struct ai_provider *named = rest ? prefix_provider(ai, model, &rest) : NULL;
    const char *built_in = builtin_model(ability);
    if (!named && rest && built_in[0] && strcmp(rest, built_in) == 0)
        named = ai->providers[BUILTIN];
    if (named)
        p = named;
    if (!p)
        return no_provider(ability, err);
    if (!can(p, ability))
        return lh_fail(err, LH_INVALID, "the provider \"%s\" cannot %s", p->name,
                       ability == AI_CAN_GENERATE ? "generate text" : "embed texts");
    const char *own = own_model(ai, p, ability);
    if (p == ai->providers[BUILTIN] && rest && rest[0] && strcmp(rest, built_in) != 0) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "there is no model \"%.100s\"", rest));
        return ability == AI_CAN_RERANK
                   ? lh_err_hint(err, "\"" RERANK_MODEL "\" is built in; others are named with their provider, as in "
                                      "\"openai/bge-reranker-v2-m3\"")
                   : lh_err_hint(err, "without ai.embedder in lakehouse.toml there is only \"" LEXICAL_MODEL
                                      "\", which is built in");
    }
    if (!(rest && rest[0]) && !own[0]) {
        lh_ignore(lh_fail(err, LH_INVALID, "no model of the provider \"%s\" is named", p->name));
        return lh_err_hint(err, "name one as \"%s/MODEL\"; GET /ai/models lists them", p->name);
    }
    *ret_provider = p;
    *ret_model = rest && rest[0] ? rest : own;
    return LH_OK;
}
