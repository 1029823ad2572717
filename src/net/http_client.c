#include "net/http_client.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/os.h"

#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MAX_IDLE_HANDLES 16
#define LONGEST_POLL_MS 1000
#define DEFAULT_CONNECT_MS 5000
#define DEFAULT_STALL_MS 60000
#define DEFAULT_MAX_RESPONSE ((size_t)16 * 1024 * 1024)
#define MAX_HEADERS 128

/* libcurl keeps live connections in the multi handle; there is one for each easy handle, because a multi handle is one
 * thread's and curl_easy_perform, which would make its own, cannot wait for a cancel. */
struct handle {
    CURL *easy;
    CURLM *multi;
};

/* The last handle back is the first one out, so that few connections stay warm. */
struct http_client {
    char *unix_path; /* NULL: TCP */
    char *ca_file;   /* NULL: the system's */
    pthread_mutex_t lock;
    struct handle idle[MAX_IDLE_HANDLES];
    size_t idle_count;
};

/* One call under way; the callbacks' state. */
struct call {
    CURL *handle;
    CURLM *multi;
    const struct http_request *request;
    struct http_response *response;
    size_t body_sent; /* of request->body */
    int64_t moved_ns; /* when the last byte went or came */
    size_t header_cap;
    bool head_seen; /* its first byte */
    bool head_told;
    bool stopped;   /* a callback of the caller or its descriptor said so */
    bool too_large; /* the answer outgrew max_response_bytes */
};

enum lh_code http_client_global_init(struct lh_err *err) {
    CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (result != CURLE_OK)
        return lh_fail(err, LH_INTERNAL, "cannot set up HTTP: %s", curl_easy_strerror(result));
    return LH_OK;
}

enum lh_code http_client_new(const char *unix_path, struct http_client **ret_client, struct lh_err *err) {
    struct http_client *client = lh_calloc(1, sizeof *client);
    int result = pthread_mutex_init(&client->lock, NULL);
    if (result != 0) {
        lh_free(client);
        return lh_fail_errno(err, result, "cannot make an HTTP client");
    }
    client->unix_path = unix_path ? lh_strdup(unix_path) : NULL;
    *ret_client = client;
    return LH_OK;
}

void http_client_trust(struct http_client *client, const char *ca_file) {
    lh_free(client->ca_file);
    client->ca_file = lh_strdup(ca_file);
}

static void close_handle(struct handle handle) {
    curl_easy_cleanup(handle.easy);
    curl_multi_cleanup(handle.multi);
}

void http_client_free(struct http_client *client) {
    if (!client)
        return;
    for (size_t i = 0; i < client->idle_count; i++)
        close_handle(client->idle[i]);
    pthread_mutex_destroy(&client->lock);
    lh_free(client->unix_path);
    lh_free(client->ca_file);
    lh_free(client);
}

static struct handle take_handle(struct http_client *client) {
    struct handle handle = {NULL, NULL};
    pthread_mutex_lock(&client->lock);
    if (client->idle_count > 0)
        handle = client->idle[--client->idle_count];
    pthread_mutex_unlock(&client->lock);
    return handle.easy ? handle : (struct handle){curl_easy_init(), curl_multi_init()};
}

/* Connections outlive the reset, options and pointers into a finished call do not. */
static void give_back(struct http_client *client, struct handle handle) {
    curl_easy_reset(handle.easy);
    pthread_mutex_lock(&client->lock);
    bool kept = client->idle_count < MAX_IDLE_HANDLES;
    if (kept)
        client->idle[client->idle_count++] = handle;
    pthread_mutex_unlock(&client->lock);
    if (!kept)
        close_handle(handle);
}

static size_t on_read(char *data, size_t size, size_t count, void *arg) {
    struct call *call = arg;
    size_t room = size * count;
    call->moved_ns = os_monotonic_ns(os_real());
    const struct http_request *request = call->request;
    if (request->read_body) {
        ptrdiff_t got = request->read_body(request->self, data, room);
        if (got >= 0)
            return (size_t)got;
        call->stopped = true;
        return CURL_READFUNC_ABORT;
    }
    size_t left = request->body_len - call->body_sent;
    size_t part = left < room ? left : room;
    if (part > 0)
        memcpy(data, (const char *)request->body + call->body_sent, part);
    call->body_sent += part;
    return part;
}

/* libcurl rewinds a body of ours when a reused connection turned out dead; a reader cannot go back. */
static int on_seek(void *arg, curl_off_t offset, int origin) {
    struct call *call = arg;
    if (call->request->read_body || origin != SEEK_SET || offset < 0 || (uint64_t)offset > call->request->body_len)
        return CURL_SEEKFUNC_CANTSEEK;
    call->body_sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void drop_headers(struct http_response *response) {
    for (size_t i = 0; i < response->header_count; i++) {
        lh_free((void *)(uintptr_t)response->headers[i].name);
        lh_free((void *)(uintptr_t)response->headers[i].value);
    }
    response->header_count = 0;
}

static void add_header(struct call *call, const char *line, size_t len) {
    struct http_response *response = call->response;
    const char *colon = memchr(line, ':', len);
    if (!colon || response->header_count == MAX_HEADERS)
        return;
    const char *value = colon + 1;
    const char *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n'))
        end--;
    if (response->header_count == call->header_cap) {
        call->header_cap = call->header_cap ? call->header_cap * 2 : 16;
        response->headers = lh_realloc(response->headers, call->header_cap * sizeof *response->headers);
    }
    char *name = lh_strndup(line, (size_t)(colon - line));
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    response->headers[response->header_count++] = (struct http_header){name, lh_strndup(value, (size_t)(end - value))};
}

static size_t on_header(char *line, size_t size, size_t count, void *arg) {
    struct call *call = arg;
    size_t len = size * count;
    call->head_seen = true;
    call->moved_ns = os_monotonic_ns(os_real());
    /* A status line begins a head; a "100 Continue" before the answer has one too. */
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
        drop_headers(call->response);
    else
        add_header(call, line, len);
    return len;
}

static bool tell_head(struct call *call) {
    if (call->head_told)
        return true;
    call->head_told = true;
    long status = 0;
    curl_easy_getinfo(call->handle, CURLINFO_RESPONSE_CODE, &status);
    const struct http_request *request = call->request;
    return !request->on_head ||
           request->on_head(request->self, (int)status, call->response->headers, call->response->header_count);
}

static size_t on_write(char *data, size_t size, size_t count, void *arg) {
    struct call *call = arg;
    const struct http_request *request = call->request;
    size_t len = size * count;
    if (!tell_head(call) || (request->on_body && !request->on_body(request->self, data, len))) {
        call->stopped = true;
        return 0;
    }
    call->moved_ns = os_monotonic_ns(os_real()); /* the callback's time is not the other side's */
    if (request->on_body)
        return len;
    size_t limit = request->max_response_bytes ? request->max_response_bytes : DEFAULT_MAX_RESPONSE;
    if (len > limit - call->response->body.len) {
        call->too_large = true;
        return 0;
    }
    buf_append(&call->response->body, data, len);
    return len;
}

static struct curl_slist *header_list(const struct http_request *request) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"); /* never wait for a "100 Continue" */
    for (size_t i = 0; i < request->header_count; i++) {
        LH_AUTO(mem) char *line = lh_asprintf("%s: %s", request->headers[i].name, request->headers[i].value);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void set_body(struct call *call, const char *method) {
    const struct http_request *request = call->request;
    /* These say "Content-Length: 0" where they have no body: servers ask for it. */
    bool expects_body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
    if (!request->read_body && !request->body && !expects_body)
        return;
    curl_off_t len = request->read_body ? (curl_off_t)request->read_body_len : (curl_off_t)request->body_len;
    curl_easy_setopt(call->handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(call->handle, CURLOPT_INFILESIZE_LARGE, len);
    curl_easy_setopt(call->handle, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(call->handle, CURLOPT_READDATA, call);
    curl_easy_setopt(call->handle, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(call->handle, CURLOPT_SEEKDATA, call);
}

static void set_options(struct call *call, struct curl_slist *headers, char *reason) {
    const struct http_request *request = call->request;
    CURL *handle = call->handle;
    int64_t connect_ms = request->connect_timeout_ms ? request->connect_timeout_ms : DEFAULT_CONNECT_MS;
    const char *method = request->method ? request->method : "GET";
    curl_easy_setopt(handle, CURLOPT_URL, request->url);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, request->fresh_connection ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, call);
    set_body(call, method);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
}

/* "host:port" of a URL, for messages: no user info, path or query, which may be secret. */
static void place_of_url(const char *url, char *ret_place, size_t size) {
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t len = strcspn(start, "/?#");
    for (size_t i = 0; i < len; i++) {
        if (start[i] == '@') {
            start += i + 1;
            len -= i + 1;
            i = (size_t)-1;
        }
    }
    snprintf(ret_place, size, "%.*s", (int)(len < size ? len : size - 1), start);
}

static enum lh_code judge(const struct call *call, CURLcode result, const char *reason, struct lh_err *err) {
    char place[200];
    place_of_url(call->request->url, place, sizeof place);
    if (call->too_large)
        return lh_fail(err, LH_TOO_LARGE, "the answer of %s is larger than expected", place);
    if (call->stopped)
        return lh_fail(err, LH_CANCELLED, "the request to %s was stopped", place);
    switch (result) {
    case CURLE_OK: return LH_OK;
    case CURLE_OPERATION_TIMEDOUT: return lh_fail(err, LH_TIMEOUT, "%s did not answer in time", place);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return lh_fail(err, LH_INVALID, "the address is not an http or https URL");
    case CURLE_COULDNT_CONNECT: return lh_fail(err, LH_UPSTREAM, "cannot connect to %s", place);
    case CURLE_PEER_FAILED_VERIFICATION:
        lh_ignore(lh_fail(err, LH_UPSTREAM, "the certificate of %s is not one that is trusted here", place));
        return lh_err_detail(err, "%s", reason);
    case CURLE_SSL_CACERT_BADFILE: return lh_fail(err, LH_INVALID, "cannot read the file of trusted certificates");
    case CURLE_COULDNT_RESOLVE_HOST: return lh_fail(err, LH_UPSTREAM, "there is no host %s", place);
    default: break;
    }
    lh_ignore(lh_fail(err, LH_UPSTREAM, "the request to %s failed: %s", place, curl_easy_strerror(result)));
    return lh_err_detail(err, "%s", reason);
}

/* The result of the transfer where it is over. */
static bool is_over(const struct call *call, CURLcode *ret_result) {
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(call->multi, &left)))
        if (message->msg == CURLMSG_DONE && message->easy_handle == call->handle) {
            *ret_result = message->data.result;
            return true;
        }
    return false;
}

static bool is_cancelled(const struct call *call) {
    struct pollfd fd = {.fd = call->request->cancel_fd, .events = POLLIN};
    struct os *os = os_real();
    return fd.fd > 0 && os->poll(os->self, &fd, 1, 0) > 0;
}

/* Milliseconds until the call has waited too long for its next byte.  (libcurl's own limit on slowness is an average, and some
 * seconds late.) */
static int64_t patience_ms(const struct call *call, int64_t start_ns) {
    const struct http_request *request = call->request;
    int64_t stall_ms = request->stall_timeout_ms ? request->stall_timeout_ms : DEFAULT_STALL_MS;
    int64_t end_ns = call->moved_ns + stall_ms * 1000000;
    int64_t first_ns = start_ns + request->first_byte_timeout_ms * 1000000;
    if (!call->head_seen && request->first_byte_timeout_ms && first_ns < end_ns)
        end_ns = first_ns;
    return (end_ns - os_monotonic_ns(os_real())) / 1000000;
}

/* As curl_easy_perform, but a cancel and the limits on waiting for a byte end it too. */
static CURLcode perform(struct call *call) {
    const struct http_request *request = call->request;
    int64_t start_ns = call->moved_ns = os_monotonic_ns(os_real());
    CURLcode result = CURLE_FAILED_INIT;
    int running;
    while (curl_multi_perform(call->multi, &running) == CURLM_OK && !is_over(call, &result)) {
        int64_t wait_ms = patience_ms(call, start_ns);
        if (wait_ms <= 0)
            return CURLE_OPERATION_TIMEDOUT;
        wait_ms = wait_ms < LONGEST_POLL_MS ? wait_ms : LONGEST_POLL_MS;
        struct curl_waitfd cancel = {.fd = request->cancel_fd, .events = CURL_WAIT_POLLIN};
        if (curl_multi_poll(call->multi, &cancel, request->cancel_fd > 0, (int)wait_ms, NULL) != CURLM_OK)
            break;
        if (is_cancelled(call)) {
            call->stopped = true;
            return CURLE_ABORTED_BY_CALLBACK;
        }
    }
    return result;
}

enum lh_code http_client_send(struct http_client *client, const struct http_request *request,
                              struct http_response *ret_response, struct lh_err *err) {
    char reason[CURL_ERROR_SIZE] = "";
    struct handle handle = take_handle(client);
    struct call call = {.handle = handle.easy, .multi = handle.multi, .request = request, .response = ret_response};
    if (!handle.easy || !handle.multi) {
        close_handle(handle);
        return lh_fail(err, LH_NO_MEMORY, "cannot make an HTTP request");
    }
    struct curl_slist *headers = header_list(request);
    set_options(&call, headers, reason);
    if (client->unix_path)
        curl_easy_setopt(call.handle, CURLOPT_UNIX_SOCKET_PATH, client->unix_path);
    if (client->ca_file)
        curl_easy_setopt(call.handle, CURLOPT_CAINFO, client->ca_file);
    curl_multi_add_handle(call.multi, call.handle);
    CURLcode result = perform(&call);
    if (result == CURLE_OK && !tell_head(&call)) /* an answer without a body */
        call.stopped = true;
    long status = 0, sent = 0;
    curl_easy_getinfo(call.handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call.handle, CURLINFO_REQUEST_SIZE, &sent);
    ret_response->status = (int)status;
    ret_response->sent = sent > 0;
    enum lh_code code = judge(&call, result, reason, err);
    curl_multi_remove_handle(call.multi, call.handle); /* an unfinished one loses its connection */
    give_back(client, handle);
    curl_slist_free_all(headers);
    return code;
}

void http_response_release(struct http_response *response) {
    drop_headers(response);
    lh_free(response->headers);
    buf_release(&response->body);
    *response = (struct http_response)HTTP_RESPONSE_INIT;
}

const char *http_response_header(const struct http_response *response, const char *name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (strcmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}
