/* The provider `ollama`: models of an Ollama server (github.com/ollama/ollama, docs/api.md), local or elsewhere. */
#ifndef LH_AI_OLLAMA_H
#define LH_AI_OLLAMA_H

#include "ai/provider.h"
#include "ai/remote_provider.h"
#include "base/buf.h"

#define AI_OLLAMA "ollama"

LH_CHECKED enum lh_code ai_ollama_new(const struct remote_provider_options *options, struct ai_provider **ret_provider,
                                      struct lh_err *err);

/* The base URL that a value of OLLAMA_HOST means, read as Ollama's own programs read it: "", "host", ":port", "host:port",
 * "[::1]", "::1", each with "http://" (port 80) or "https://" (port 443) before and a path behind; blanks and quotes around
 * it do not count; a port that is none is the default, 11434.  An address that means every interface, or none, is this
 * machine. */
void ollama_base_url(const char *ollama_host, struct buf *ret_url);

#endif
