#define _GNU_SOURCE
#include "CLinux.h"

#include <time.h>

#if defined(__x86_64__)
static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clinux_tsc_khz(void) {
    struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    int64_t began = nanoseconds();
    uint64_t first = __builtin_ia32_rdtsc();
    nanosleep(&pause, NULL);
    int64_t passed = nanoseconds() - began;
    uint64_t ticks = __builtin_ia32_rdtsc() - first;
    return passed > 0 ? (int64_t)((double)ticks * 1e6 / (double)passed) : 0;
}
#else
int64_t clinux_tsc_khz(void) { return 0; }
#endif
