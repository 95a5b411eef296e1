#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The child shares the parent's memory until it executes (CLONE_VM | CLONE_VFORK), so it may use only raw system calls and
// its own stack. Where a step fails, it writes the step and errno into `struct child` for the parent to read.

enum { STACK_SIZE = 64 * 1024 };

struct child {
    const struct clinux_spawn *spawn;
    sigset_t mask;
    int stage;
    int error;
};

#define STEP(NAME, CALL)               \
    do {                               \
        child->stage = (NAME);         \
        if ((CALL) < 0) goto failed;   \
    } while (0)

// Moves a descriptor out of the way of 0, 1 and 2.
static int lifted(int fd) { return fd > 2 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3); }

static int run_child(void *context) {
    struct child *child = context;
    const struct clinux_spawn *spawn = child->spawn;

    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal < NSIG; signal++) {
        if (signal != SIGKILL && signal != SIGSTOP) sigaction(signal, &standard, NULL);
    }
    if (spawn->new_session) STEP(CLINUX_STAGE_SESSION, setsid());
    if (spawn->cgroup >= 0) STEP(CLINUX_STAGE_CGROUP, write(spawn->cgroup, "0", 1));

    int input, output, error;
    STEP(CLINUX_STAGE_DESCRIPTORS, input = lifted(spawn->input));
    STEP(CLINUX_STAGE_DESCRIPTORS, output = lifted(spawn->output));
    STEP(CLINUX_STAGE_DESCRIPTORS, error = lifted(spawn->error));
    STEP(CLINUX_STAGE_DESCRIPTORS, dup2(input, 0));
    STEP(CLINUX_STAGE_DESCRIPTORS, dup2(output, 1));
    STEP(CLINUX_STAGE_DESCRIPTORS, dup2(error, 2));
    STEP(CLINUX_STAGE_DESCRIPTORS, syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */));

    if (spawn->controlling_terminal) STEP(CLINUX_STAGE_TERMINAL, ioctl(0, TIOCSCTTY, 0));
    if (spawn->open_files >= 0) {
        struct rlimit limit = {(rlim_t)spawn->open_files, (rlim_t)spawn->open_files};
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (spawn->without_huge_pages) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    if (spawn->set_ids) {
        // Raw calls: the C library's own would signal every thread of the parent, whose memory this still is.
        STEP(CLINUX_STAGE_USER, syscall(SYS_setgroups, spawn->group_count, spawn->groups));
        STEP(CLINUX_STAGE_USER, syscall(SYS_setresgid, spawn->gid, spawn->gid, spawn->gid));
        STEP(CLINUX_STAGE_USER, syscall(SYS_setresuid, spawn->uid, spawn->uid, spawn->uid));
    }
    // After the switch of user, so that the user's own rights decide.
    if (spawn->directory) STEP(CLINUX_STAGE_DIRECTORY, chdir(spawn->directory));

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    STEP(CLINUX_STAGE_EXECUTE, execve(spawn->path, spawn->arguments, spawn->environment));
failed:
    child->error = errno;
    _exit(127);
}

int clinux_start(const struct clinux_spawn *spawn, pid_t *pid, int *pidfd, int *stage) {
    struct child child = {.spawn = spawn, .stage = CLINUX_STAGE_CLONE};
    char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        *stage = CLINUX_STAGE_CLONE;
        return errno;
    }
    // No signal handler of the parent may run in the child.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &child.mask);
    int descriptor = -1;
    pid_t started = clone(run_child, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &child, &descriptor);
    int clone_error = errno;
    pthread_sigmask(SIG_SETMASK, &child.mask, NULL);
    munmap(stack, STACK_SIZE);

    *stage = child.stage;
    if (started < 0) return clone_error;
    if (child.error != 0) {
        clinux_discard(descriptor);
        close(descriptor);
        return child.error;
    }
    *pid = started;
    *pidfd = descriptor;
    return 0;
}

void clinux_discard(int pidfd) {
    siginfo_t info;
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR) {}
}

static int collected(int result, const siginfo_t *info, struct clinux_exit *exit) {
    if (result < 0) return -1;
    exit->pid = info->si_pid;
    exit->code = info->si_code;
    exit->status = info->si_status;
    return 0;
}

int clinux_wait_pidfd(int pidfd, struct clinux_exit *exit) {
    siginfo_t info = {0};
    return collected(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG), &info, exit);
}

int clinux_wait_any(struct clinux_exit *exit) {
    siginfo_t info = {0};
    return collected(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), &info, exit);
}
