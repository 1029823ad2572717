#include "ai/ollama.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

struct span {
    const char *at;
    size_t len;
};

static struct span trim(struct span s, const char *set) {
    while (s.len > 0 && strchr(set, s.at[0]))
        s = (struct span){s.at + 1, s.len - 1};
    while (s.len > 0 && strchr(set, s.at[s.len - 1]))
        s.len--;
    return s;
}

static bool is_ipv6(struct span host) {
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr address;
    if (host.len >= sizeof text)
        return false;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_port(struct span port) {
    unsigned value = 0;
    for (size_t i = 0; i < port.len; i++) {
        if (port.at[i] < '0' || port.at[i] > '9' || i >= 5)
            return false;
        value = value * 10 + (unsigned)(port.at[i] - '0');
    }
    return port.len > 0 && value > 0 && value <= 65535;
}

static bool equals(struct span s, const char *text) {
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

void ollama_base_url(const char *ollama_host, struct buf *ret_url) {
    struct span all = trim(trim(trim((struct span){ollama_host, strlen(ollama_host)}, " \t\r\n"), "\"'"), " \t\r\n");
    struct span scheme = {"http", 4}, port = {"11434", 5}, path, host = all;
    const char *split = memmem(all.at, all.len, "://", 3);
    if (split) {
        scheme.at = all.at;
        scheme.len = (size_t)(split - all.at);
        port = equals(scheme, "https")  ? (struct span){"443", 3}
               : equals(scheme, "http") ? (struct span){"80", 2}
                                        : port;
        host = (struct span){split + 3, all.len - scheme.len - 3};
    }
    const char *slash = memchr(host.at, '/', host.len);
    path = slash ? (struct span){slash, host.len - (size_t)(slash - host.at)} : (struct span){"", 0};
    host.len -= path.len;
    const char *colon = memrchr(host.at, ':', host.len);
    bool bare_ipv6 = is_ipv6(host);
    if (colon && !bare_ipv6 && (host.at[0] != '[' || colon[-1] == ']')) {
        struct span given = {colon + 1, host.len - (size_t)(colon + 1 - host.at)};
        port = is_port(given) ? given : port;
        host.len = (size_t)(colon - host.at);
    }
    host = trim(host, "[]");
    if (host.len == 0 || equals(host, "0.0.0.0"))
        host = (struct span){"127.0.0.1", 9};
    if (equals(host, "::"))
        host = (struct span){"::1", 3};
    const char *open = is_ipv6(host) ? "[" : "", *close = is_ipv6(host) ? "]" : "";
    while (path.len > 0 && path.at[path.len - 1] == '/')
        path.len--;
    buf_printf(ret_url, "%.*s://%s%.*s%s:%.*s%.*s", (int)scheme.len, scheme.at, open, (int)host.len, host.at, close,
               (int)port.len, port.at, (int)path.len, path.at);
}
