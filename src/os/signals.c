#include "os/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t ends(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

enum lh_code os_signals_open(int *ret_fd, struct lh_err *err) {
    sigset_t set = ends();
    int result = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (result != 0)
        return lh_fail_errno(err, result, "cannot block signals");
    signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        return lh_fail_errno(err, errno, "cannot listen for signals");
    *ret_fd = fd;
    return LH_OK;
}

enum lh_code os_signals_wait(int fd, int timeout_ms, int *ret_signal, struct lh_err *err) {
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    int ready = poll(&poller, 1, timeout_ms);
    if (ready == 0 || (ready < 0 && errno == EINTR)) {
        *ret_signal = 0;
        return LH_OK;
    }
    struct signalfd_siginfo info;
    if (ready < 0 || read(fd, &info, sizeof info) != (ssize_t)sizeof info)
        return lh_fail_errno(err, errno, "cannot wait for signals");
    *ret_signal = (int)info.ssi_signo;
    return LH_OK;
}

void os_signals_hold(struct os_signals_hold *ret_hold) {
    sigset_t set = ends();
    pthread_sigmask(SIG_BLOCK, &set, &ret_hold->before);
    ret_hold->fd = signalfd(-1, &set, SFD_CLOEXEC);
}

void os_signals_release(struct os_signals_hold *hold) {
    if (hold->fd >= 0)
        close(hold->fd);
    pthread_sigmask(SIG_SETMASK, &hold->before, NULL);
}
