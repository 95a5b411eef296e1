// What Swift's Glibc module lacks, wrapped so that it can be called: variadic calls, calls behind _GNU_SOURCE, and the one
// thing that must never run Swift code, the child half of a spawn. No feature macro is defined here, only in the .c files:
// clang modules that disagree about them do not build.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/xattr.h>

// Event loop.

/// Remembers that the calling thread runs `loop` (NULL: none).
void clinux_set_current_loop(const void *loop);
const void *clinux_current_loop(void);

// Descriptors. Each returns -1 and sets errno on failure; every descriptor is close-on-exec.

int clinux_pipe(int ends[2]);
int clinux_pipe_capacity(int fd, int bytes);
int clinux_accept(int listener);
/// Lets this process open as many files as the kernel lets it.
void clinux_raise_open_files(void);
int clinux_set_nonblocking(int fd);
int clinux_open_pty(int *subsidiary);
int clinux_set_window_size(int fd, uint16_t columns, uint16_t rows);
/// Signals what runs in the foreground of a terminal, by the terminal's primary end: SIGINT, SIGQUIT and SIGTSTP only.
int clinux_signal_foreground(int primary, int signal);
/// Makes a terminal hand over every key as it is, until ``clinux_restore_terminal``, the end of the process, or a signal that
/// crashes it; one at a time. Returns -1 when it is none, or when one is raw already.
int clinux_make_terminal_raw(int terminal);
/// Puts a terminal that is raw back; does nothing when none is. May be called from any thread and any signal handler.
void clinux_restore_terminal(void);
int clinux_unlinked_file(const char *directory);
int clinux_open_pidfd(pid_t pid);
int clinux_signal_pidfd(int pidfd, int signal);
/// Gives a descriptor of ours for what the process has open under a number.
int clinux_borrow_descriptor(int pidfd, int number);
int clinux_lock_file(int fd);
/// Begins to write a part of a file to disk, without waiting.
int clinux_start_writing(int fd, int64_t offset, int64_t length);

/// Renames only where nothing stands at the new name yet.
int clinux_rename_noreplace(const char *from, const char *to);

/// Walks to a path below the directory `root` as if that were `/`: neither a link nor `..` leads out of it, whatever others do
/// to it meanwhile. The descriptor only names what it found (O_PATH). A last link is not followed unless `follows_last`.
int clinux_find_below(int root, const char *path, int follows_last);
/// Opens a file below the directory `root` with the flags of open(2); nothing on its path may be a link, and what it stands on is
/// one file system. Links that others put there meanwhile, and `..`, are refused.
int clinux_open_below(int root, const char *path, int flags, mode_t mode);
/// Renames from one open directory to another, with the flags of renameat2(2).
int clinux_rename_between(int from, const char *name, int to, const char *new_name, unsigned flags);
/// Writes at the end of a file, wherever that is at that moment.
ssize_t clinux_append(int fd, const void *bytes, size_t count);
/// Changes the owner of what an O_PATH descriptor names; -1 leaves one of the two as it is.
int clinux_change_owner(int fd, uid_t uid, gid_t gid);

/// Gives the calling thread, and no other, a user's rights on files (fsuid, fsgid and groups), or those of root again.
int clinux_act_as(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count);

// Memory of other processes, in pages of 4096 bytes.

struct clinux_run {
    uint64_t first;    // counted from the start of the mapping
    uint64_t count;
};

/// Finds the pages of a private mapping of a file that are its process's own, from `*next` on. Returns the number of runs
/// written and moves `*next`, to `end` when all was seen; -1 with ENOTTY where Linux is older than 6.7.
ssize_t clinux_scan_private(int pagemap, uint64_t start, uint64_t *next, uint64_t end, struct clinux_run *runs,
                            size_t capacity);
/// The same, page by page, on any Linux.
ssize_t clinux_read_pagemap(int pagemap, uint64_t start, uint64_t *next, uint64_t end, struct clinux_run *runs,
                            size_t capacity);
/// Copies whole runs, one behind the other in `local`. Returns 0 or -1; nothing is said about how much was copied then.
int clinux_read_pages(pid_t pid, void *local, uint64_t base, const struct clinux_run *runs, size_t count);
int clinux_write_pages(pid_t pid, const void *local, uint64_t base, const struct clinux_run *runs, size_t count);
/// Anonymous memory for many pages; `populated` says that it is written to at once. NULL when there is none.
void *clinux_map_buffer(size_t length, int populated);
/// Continues the CRC-32C `crc` (0 at the beginning).
uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t length);

// KVM.

enum clinux_kvm {
    CLINUX_KVM_RUNS = 0,          ///< guest code ran to its end, and in time
    CLINUX_KVM_ABSENT = 1,        ///< there is no /dev/kvm
    CLINUX_KVM_FORBIDDEN = 2,     ///< it is there, and this user may not open it
    CLINUX_KVM_BROKEN = 3,        ///< it opens, and no machine or vCPU can be made with it
    CLINUX_KVM_TOO_SLOW = 4,      ///< guest code did not end in time: instructions are emulated
    CLINUX_KVM_MISBEHAVES = 5,    ///< guest code ended otherwise than it had to
    CLINUX_KVM_NOT_TRIED = 6,     ///< the probe itself could not be run (no memory, no process)
};

/// Runs a small guest for `milliseconds` at most, in a child process, and says what became of it; `*microseconds` is set only
/// for CLINUX_KVM_RUNS. Blocks. PID 1, which collects any child, must not call it.
int clinux_probe_kvm(uint32_t milliseconds, uint64_t *microseconds);

// Children.

struct clinux_spawn {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const char *directory;     // NULL: inherited
    int input, output, error;  // become 0, 1, 2
    int cgroup;                // an open cgroup.procs, or -1
    int new_session;           // setsid
    int controlling_terminal;  // make descriptor 0 the controlling terminal
    int set_ids;               // switch to uid, gid and groups
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
    int64_t open_files;        // RLIMIT_NOFILE to set (soft and hard), or -1
    int without_huge_pages;    // PR_SET_THP_DISABLE: pages written one by one stay small
};

enum clinux_stage {
    CLINUX_STAGE_CLONE,
    CLINUX_STAGE_SESSION,
    CLINUX_STAGE_CGROUP,
    CLINUX_STAGE_DESCRIPTORS,
    CLINUX_STAGE_TERMINAL,
    CLINUX_STAGE_USER,
    CLINUX_STAGE_DIRECTORY,
    CLINUX_STAGE_EXECUTE,
};

/// Starts a program. Returns 0, or the errno of the step named by `*stage`.
int clinux_start(const struct clinux_spawn *spawn, pid_t *pid, int *pidfd, int *stage);

struct clinux_exit {
    pid_t pid;     // 0: nothing has ended
    int code;      // CLD_EXITED, CLD_KILLED or CLD_DUMPED
    int status;    // exit status or signal
};

/// Collects one child by pidfd, without waiting.
int clinux_wait_pidfd(int pidfd, struct clinux_exit *exit);
/// Kills one child and waits until it is gone.
void clinux_discard(int pidfd);
/// Collects any ended child of this process, without waiting. Only PID 1 may call it.
int clinux_wait_any(struct clinux_exit *exit);

/// The rate of this processor's time stamp counter in kHz; 0 where there is none. Blocks for 50 ms.
int64_t clinux_tsc_khz(void);

// PID 1 of a guest.

int clinux_load_module(const char *path);
int clinux_set_hostname(const char *name);
int clinux_set_clock(int64_t seconds, int64_t nanoseconds);
/// Writes what is not yet on the disk of the file system that `descriptor` is on.
int clinux_write_file_system(int descriptor);
/// Adds entropy to the kernel's pool, counts it, and makes the generator use it at once.
int clinux_add_entropy(const void *bytes, size_t length);
int clinux_interface_up(const char *name, uint32_t address, uint32_t netmask);
/// Makes every IPv4 address one of this machine's, but for `peer`, which is reached by `interface` as before.
int clinux_own_every_address(const char *interface, uint32_t address, uint32_t peer);
/// Gives every new TCP connection to `listener`, whatever its address and port, but for those to the loopback and to `address`.
/// Returns a descriptor that keeps it so.
int clinux_take_connections(int listener, uint32_t address);
int clinux_power_off(void);
/// Linked in so that /proc and /dev are there before the Swift runtime looks at them; see boot.c.
void clinux_boot_is_linked(void);
