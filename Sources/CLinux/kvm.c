#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Ten million turns of a two-instruction loop: some 5 ms on a processor that runs them itself, 10 s or more in an
// instruction emulator. Real mode, because that needs no page tables; every processor of the last fifteen years runs it
// natively under KVM.
enum { TURNS = 10 * 1000 * 1000, CODE_AT = 0x1000 };

static const unsigned char LOOP[] = {
    0x66, 0xB9, TURNS & 255, TURNS >> 8 & 255, TURNS >> 16 & 255, TURNS >> 24 & 255,  // mov ecx, TURNS
    0x66, 0x49,                                                                        // dec ecx
    0x75, 0xFC,                                                                        // jnz back to dec
    0xF4,                                                                              // hlt
};

enum { NO_DEVICE = -1000, TOO_SLOW = -1 };

// Runs in a child of its own: whatever this kernel's KVM does, the alarm ends it.
static int32_t probe(void) {
    int device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (device < 0) return NO_DEVICE - errno;
    int machine = ioctl(device, KVM_CREATE_VM, 0);
    if (machine < 0) return NO_DEVICE - errno;
    void *memory = mmap(NULL, 0x2000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return TOO_SLOW;
    memcpy((char *)memory + CODE_AT, LOOP, sizeof LOOP);
    struct kvm_userspace_memory_region region = {.memory_size = 0x2000, .userspace_addr = (uintptr_t)memory};
    if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0) return TOO_SLOW;
    int processor = ioctl(machine, KVM_CREATE_VCPU, 0);
    int size = ioctl(device, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (processor < 0 || size < 0) return TOO_SLOW;
    struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, processor, 0);
    struct kvm_sregs segments;
    if (run == MAP_FAILED || ioctl(processor, KVM_GET_SREGS, &segments) < 0) return TOO_SLOW;
    segments.cs.base = 0;
    segments.cs.selector = 0;
    if (ioctl(processor, KVM_SET_SREGS, &segments) < 0) return TOO_SLOW;
    struct kvm_regs registers = {.rip = CODE_AT, .rflags = 2};
    if (ioctl(processor, KVM_SET_REGS, &registers) < 0) return TOO_SLOW;

    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (ioctl(processor, KVM_RUN, 0) < 0) {
        if (errno != EINTR && errno != EAGAIN) return TOO_SLOW;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (run->exit_reason != KVM_EXIT_HLT) return TOO_SLOW;
    return (int32_t)((end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000);
}

int32_t clinux_probe_kvm(uint32_t milliseconds) {
    int32_t *result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED) return TOO_SLOW;
    *result = TOO_SLOW;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        struct itimerval limit = {.it_value = {milliseconds / 1000, (milliseconds % 1000) * 1000}};
        setitimer(ITIMER_REAL, &limit, NULL);
        *result = probe();
        _exit(0);
    }
    if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    int32_t answer = *result;
    munmap(result, sizeof *result);
    return answer;
}
