#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

// Raw calls: the C library's own setgroups would change every thread.

int clinux_act_as(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count) {
    if (syscall(SYS_setgroups, group_count, groups) < 0) return -1;
    syscall(SYS_setfsgid, gid);
    syscall(SYS_setfsuid, uid);
    // Neither of the two says whether it worked; an impossible number changes nothing and tells what is set now.
    if ((gid_t)syscall(SYS_setfsgid, -1) == gid && (uid_t)syscall(SYS_setfsuid, -1) == uid) return 0;
    errno = EPERM;
    return -1;
}
