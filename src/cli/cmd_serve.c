/* lakehouse serve */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/service.h"
#include "gateway/gateway.h"
#include "gateway/listen.h"
#include "lakehouse/lakehouse.h"
#include "net/http_client.h"
#include "os/clock.h"
#include "os/os.h"
#include "os/signals.h"
#include "policy/keys.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const struct cli_option options[] = {
    {"data", 'd', "DIR", "the data folder (default: $LAKEHOUSE_DATA or ./lakehouse-data)", false},
    {"config", 'c', "FILE", "configuration (default: ./lakehouse.toml where it exists)", false},
    {"http", 0, "ADDR:PORT", "address to listen on (default: 127.0.0.1:3100; port 0 picks a free one)", false},
    {"insecure", 0, NULL, "allow a non-loopback address without keys or TLS", false},
    {NULL, 0, NULL, NULL, false},
};

/* Where keys are demanded and there is none, nobody could get in: say how to make the first one. */
static void warn_without_keys(struct service *service, struct lh_log *log) {
    struct lh_err err = LH_ERR_INIT;
    bool any = true;
    if (!gateway_auth_required(service_gateway(service)))
        return;
    if (keys_any(service_lakehouse(service)->keys, &any, &err) != LH_OK)
        lh_log_error(log, LH_LOG_WARN, "cannot read the API keys", &err);
    else if (!any)
        lh_log_event(log, LH_LOG_WARN, "keys are required and there is none yet",
                     LOG_STR("hint", "stop the server and run: lakehouse key create --role admin --data DIR"));
}

static int wait_for_signal(int signal_fd, struct lh_log *log) {
    struct lh_err err = LH_ERR_INIT;
    int number = 0;
    while (number == 0)
        if (os_signals_wait(signal_fd, -1, &number, &err) != LH_OK) {
            lh_log_error(log, LH_LOG_ERROR, "waiting for signals", &err);
            return CLI_FAILED;
        }
    lh_log_event(log, LH_LOG_INFO, "stopping",
                 LOG_STR("signal", number == SIGINT    ? "SIGINT"
                                   : number == SIGTERM ? "SIGTERM"
                                                       : "SIGHUP"));
    return CLI_OK;
}

static int serve(struct cli *cli, const struct cli_args *args, const struct lh_config *config, int signal_fd) {
    struct lh_err err = LH_ERR_INIT;
    int64_t started_ns = os_monotonic_ns(cli->os);
    struct lh_log *log = lh_log_new(STDERR_FILENO, (enum lh_log_level)config->log.level,
                                    (enum lh_log_format)config->log.format, cli->os->realtime_us, cli->os->self);
    struct service_options service_options = {
        .config = config,
        .log = log,
        .data_dir = cli_data_dir(cli, args),
        .command = "lakehouse serve",
        .listen = cli_arg(args, "http"),
        .insecure = cli_flag(args, "insecure"),
    };
    struct service *service = NULL;
    int code = CLI_FAILED;
    if (service_start(cli, &service_options, &service, &err) == LH_OK) {
        lh_log_event(log, LH_LOG_INFO, "ready", LOG_STR("data", service_lakehouse(service)->data_dir),
                     LOG_INT("start_ms", (os_monotonic_ns(cli->os) - started_ns) / 1000000));
        warn_without_keys(service, log);
        printf("listening %s\n", service_url(service));
        fflush(stdout);
        code = wait_for_signal(signal_fd, log);
        service_stop(service);
    } else {
        cli_fail(cli, &err);
    }
    lh_log_free(log);
    return code;
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *config = NULL;
    const char *listen = cli_arg(args, "http");
    char host[256];
    uint16_t port;
    int signal_fd = -1;
    if (listen && listen_parse(listen, host, &port, &err) != LH_OK)
        return cli_usage_error(cli, &cli_serve, &err);
    if (os_signals_open(&signal_fd, &err) != LH_OK || http_client_global_init(&err) != LH_OK ||
        cli_load_config(cli, cli_arg(args, "config"), &config, &err) != LH_OK)
        return cli_fail(cli, &err);
    int code = serve(cli, args, config, signal_fd);
    lh_config_free(config);
    close(signal_fd);
    return code;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .usage = "[--data DIR] [--http ADDR:PORT] [--config FILE] [--insecure]",
    .summary = "serve a data folder over HTTP",
    .help =
        "Opens the data folder (made where it is missing), starts the query processes and answers HTTP.  One line on stdout\n"
        "tells when it is ready: \"listening http://127.0.0.1:3100\".  The log goes to stderr.  Ctrl-C or SIGTERM lets\n"
        "running requests end and stops.\n\n"
        "On an address that others can reach it demands API keys (lakehouse key create) and TLS, unless --insecure.",
    .options = options,
    .run = run,
};
