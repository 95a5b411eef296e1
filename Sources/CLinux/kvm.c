#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// That /dev/kvm opens, and makes a machine and a vCPU, proves nothing. A software KVM (nested, without
// the processor's virtualization) does all that, and then takes a stock kernel's real-mode and
// protected-mode start through its instruction emulator, at about half a microsecond per instruction:
// the kernel needs minutes for its first second. So a guest is run here against a clock.
//
// It runs in a child: a KVM_RUN that never returns cannot then hang the caller, a signal's default
// action ends it without a handler, and the machine is gone with the process whatever happens.
// Between fork and _exit the child makes system calls only, since the caller has other threads.

enum {
    rounds = 2000000,           // of four instructions each: about 4 ms on hardware, 5 s in the emulator
    guest_size = 0x40000,
    gdt_at = 0x500,
    gdt_pointer_at = 0x600,
    code_at = 0x1000,
    counter_at = 0x20000,
    done_port = 0xf1,
    done_value = 0x2a,
};

struct outcome {
    int verdict;
    uint64_t microseconds;
};

// Real mode, as every vCPU starts; then protected mode with flat segments, no paging: the state in
// which a kernel begins, and the one that a software KVM has to emulate.
static const uint8_t guest_code[] = {
        0xfa,                                            // cli
        0x0f, 0x01, 0x16, 0x00, 0x06,                    // lgdt [gdt_pointer_at]
        0x0f, 0x20, 0xc0,                                // mov eax, cr0
        0x0c, 0x01,                                      // or al, 1
        0x0f, 0x22, 0xc0,                                // mov cr0, eax
        0x66, 0xea, 0x16, 0x10, 0x00, 0x00, 0x08, 0x00,  // jmp 8:0x1016, the next line
        0x66, 0xb8, 0x10, 0x00,                          // mov ax, 0x10
        0x8e, 0xd8,                                      // mov ds, ax
        0x8e, 0xd0,                                      // mov ss, ax
        0xb9, rounds & 0xff, (rounds >> 8) & 0xff, (rounds >> 16) & 0xff, rounds >> 24,  // mov ecx, rounds
        0x89, 0x0d, 0x00, 0x00, 0x02, 0x00,              // again: mov [counter_at], ecx
        0xa1, 0x00, 0x00, 0x02, 0x00,                    // mov eax, [counter_at]
        0x49,                                            // dec ecx
        0x75, 0xf2,                                      // jnz again
        0xb0, done_value,                                // mov al, done_value
        0xe6, done_port,                                 // out done_port, al
        0xf4,                                            // hlt
};

static uint64_t now_microseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void lay_out_guest(uint8_t *memory) {
    static const uint64_t gdt[] = {0, 0x00cf9a000000ffff, 0x00cf92000000ffff};  // none, code, data
    const uint16_t gdt_limit = sizeof gdt - 1;
    const uint32_t gdt_base = gdt_at;
    memcpy(memory + gdt_at, gdt, sizeof gdt);
    memcpy(memory + gdt_pointer_at, &gdt_limit, sizeof gdt_limit);
    memcpy(memory + gdt_pointer_at + 2, &gdt_base, sizeof gdt_base);
    memcpy(memory + code_at, guest_code, sizeof guest_code);
}

static int verdict_of_open(int error) {
    if (error == EACCES || error == EPERM) return CLINUX_KVM_FORBIDDEN;
    if (error == ENOENT || error == ENODEV || error == ENXIO) return CLINUX_KVM_ABSENT;
    return CLINUX_KVM_BROKEN;
}

static int run_guest(uint64_t *microseconds) {
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) return verdict_of_open(errno);
    if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) return CLINUX_KVM_BROKEN;
    int machine = ioctl(kvm, KVM_CREATE_VM, 0);
    if (machine < 0) return CLINUX_KVM_BROKEN;
    // Older Intel processors need three pages for real mode, where the guest has no memory of its own.
    ioctl(machine, KVM_SET_TSS_ADDR, 0xfffbd000UL);

    uint8_t *memory = mmap(NULL, guest_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return CLINUX_KVM_NOT_TRIED;
    lay_out_guest(memory);
    struct kvm_userspace_memory_region region = {
            .memory_size = guest_size,
            .userspace_addr = (uintptr_t)memory,
    };
    if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0) return CLINUX_KVM_BROKEN;

    int cpu = ioctl(machine, KVM_CREATE_VCPU, 0);
    int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (cpu < 0 || run_size < (int)sizeof(struct kvm_run)) return CLINUX_KVM_BROKEN;
    struct kvm_run *run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    if (run == MAP_FAILED) return CLINUX_KVM_BROKEN;

    struct kvm_sregs segments;
    if (ioctl(cpu, KVM_GET_SREGS, &segments) < 0) return CLINUX_KVM_BROKEN;
    segments.cs.base = 0;
    segments.cs.selector = 0;
    if (ioctl(cpu, KVM_SET_SREGS, &segments) < 0) return CLINUX_KVM_BROKEN;
    struct kvm_regs registers = {.rip = code_at, .rflags = 2};
    if (ioctl(cpu, KVM_SET_REGS, &registers) < 0) return CLINUX_KVM_BROKEN;

    uint64_t start = now_microseconds();
    while (ioctl(cpu, KVM_RUN, 0) < 0) {
        if (errno != EINTR && errno != EAGAIN) return CLINUX_KVM_MISBEHAVES;
    }
    *microseconds = now_microseconds() - start;

    uint32_t counter;
    memcpy(&counter, memory + counter_at, sizeof counter);
    if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT || run->io.port != done_port)
        return CLINUX_KVM_MISBEHAVES;
    if (((uint8_t *)run)[run->io.data_offset] != done_value || counter != 1) return CLINUX_KVM_MISBEHAVES;
    return CLINUX_KVM_RUNS;
}

// The child's whole life. The timer's signal is given its default action and let through: it ends the
// process, and that is the answer "too slow".
static _Noreturn void probe_in_child(uint32_t milliseconds, struct outcome *outcome) {
    struct sigaction dies = {.sa_handler = SIG_DFL};
    sigset_t none;
    sigemptyset(&none);
    sigaction(SIGALRM, &dies, NULL);
    struct itimerval limit = {.it_value = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000}};
    setitimer(ITIMER_REAL, &limit, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // Nothing of the caller's may be held open by this process for its second of life.
    syscall(SYS_close_range, 0U, ~0U, 0U);

    outcome->verdict = run_guest(&outcome->microseconds);
    _exit(0);
}

int clinux_probe_kvm(uint32_t milliseconds, uint64_t *microseconds) {
    if (milliseconds == 0) milliseconds = 1;
    struct outcome *outcome =
            mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcome == MAP_FAILED) return CLINUX_KVM_NOT_TRIED;
    outcome->verdict = CLINUX_KVM_TOO_SLOW;
    outcome->microseconds = (uint64_t)milliseconds * 1000;

    int verdict = CLINUX_KVM_NOT_TRIED;
    pid_t child = fork();
    if (child == 0) probe_in_child(milliseconds, outcome);
    if (child > 0) {
        int status;
        pid_t waited;
        do waited = waitpid(child, &status, 0);
        while (waited < 0 && errno == EINTR);
        // A child that something else killed has shown nothing.
        int ended = waited == child && (WIFEXITED(status) || WTERMSIG(status) == SIGALRM);
        verdict = ended ? outcome->verdict : CLINUX_KVM_NOT_TRIED;
    }
    if (microseconds) *microseconds = outcome->microseconds;
    munmap(outcome, sizeof *outcome);
    return verdict;
}
