/* Options of the sanitizers that every program of the tree starts with, linked into each in such builds.  They are
 * compiled in, not given by the environment, because the engine host and its workers run with an empty one.
 *
 * Fatal signals keep their plain meaning: a worker that crashes dies of SIGSEGV, which is what the engine has to tell.
 * (strict_string_checks is left off: it measures the whole buffer at every number that is parsed out of it.) */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void) {
    return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0";
}

const char *__tsan_default_options(void) {
    return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:halt_on_error=1:second_deadlock_stack=1";
}

const char *__ubsan_default_options(void) {
    return "print_stacktrace=1";
}
