#define _GNU_SOURCE
#include "CLinux.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>

// The terminal is put back in normal ends, in ends that run no Swift code, and once only. `saved` is written before
// `raw_terminal` is, so whoever finds a terminal there finds its settings too.
static struct termios saved;
static atomic_int raw_terminal = -1;

// Signals that end a process at once, those that it raises itself by a crash among them.
static const int ends[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT, SIGSYS, SIGQUIT};
enum { END_COUNT = sizeof ends / sizeof ends[0] };
static struct sigaction before[END_COUNT];

// Safe in a signal handler: tcsetattr and the masks are system calls, the rest is lock-free.
void clinux_restore_terminal(void) {
    int terminal = atomic_exchange(&raw_terminal, -1);
    if (terminal < 0) return;
    // Without the signal blocked, a process in the background would be stopped by the call, and never get on.
    sigset_t stopping, old;
    sigemptyset(&stopping);
    sigaddset(&stopping, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &stopping, &old);
    tcsetattr(terminal, TCSANOW, &saved);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

// Puts the terminal back, then lets the signal do what it would have done.
static void restore_and_end(int signal) {
    clinux_restore_terminal();
    for (int index = 0; index < END_COUNT; index++) {
        if (ends[index] == signal) sigaction(signal, &before[index], NULL);
    }
    raise(signal);
}

static void watch_ends(void) {
    static atomic_flag is_done = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&is_done)) return;
    atexit(clinux_restore_terminal);
    struct sigaction action = {.sa_handler = restore_and_end, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (int index = 0; index < END_COUNT; index++) sigaction(ends[index], &action, &before[index]);
}

int clinux_make_terminal_raw(int terminal) {
    if (atomic_load(&raw_terminal) >= 0 || tcgetattr(terminal, &saved) < 0) return -1;
    watch_ends();
    struct termios raw = saved;
    cfmakeraw(&raw);
    atomic_store(&raw_terminal, terminal);
    if (tcsetattr(terminal, TCSANOW, &raw) == 0) return 0;
    atomic_store(&raw_terminal, -1);
    return -1;
}
