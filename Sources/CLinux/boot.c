#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The Swift runtime reads /proc/self/exe in a static initialiser and aborts where there is no /proc; Dispatch needs it as
// well, and the random generator needs /dev. As PID 1 of a fresh guest this program is what mounts them, so it must happen
// before any initialiser of the runtime: priority 101 is the first one open to programs.
__attribute__((constructor(101))) static void mount_before_runtime(void) {
    char link[8];
    if (getpid() != 1 || readlink("/proc/self/exe", link, sizeof link) >= 0) return;
    mkdir("/proc", 0555);
    mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL);
    int console = open("/dev/console", O_RDWR);
    if (console >= 0) {
        for (int fd = 0; fd <= 2; fd++) dup2(console, fd);
        if (console > 2) close(console);
    }
}

void clinux_boot_is_linked(void) {}

int clinux_load_module(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = (int)syscall(SYS_finit_module, fd, "", 0);
    close(fd);
    return result;
}

int clinux_set_hostname(const char *name) { return sethostname(name, strlen(name)); }

int clinux_write_file_system(int descriptor) { return syncfs(descriptor); }

int clinux_set_clock(int64_t seconds, int64_t nanoseconds) {
    struct timespec now = {.tv_sec = seconds, .tv_nsec = nanoseconds};
    return clock_settime(CLOCK_REALTIME, &now);
}

int clinux_add_entropy(const void *bytes, size_t length) {
    // struct rand_pool_info: two ints, then the bytes.
    union {
        struct rand_pool_info head;
        unsigned char storage[sizeof(struct rand_pool_info) + 256];
    } pool;
    if (length > 256) length = 256;
    pool.head.entropy_count = (int)(length * 8);
    pool.head.buf_size = (int)length;
    memcpy(pool.storage + sizeof(struct rand_pool_info), bytes, length);
    int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = ioctl(fd, RNDADDENTROPY, &pool);
    if (result == 0) result = ioctl(fd, RNDRESEEDCRNG);
    close(fd);
    explicit_bzero(&pool, sizeof pool);
    return result;
}

int clinux_interface_up(const char *name, uint32_t address, uint32_t netmask) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    struct ifreq request = {0};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    struct sockaddr_in *socket_address = (struct sockaddr_in *)&request.ifr_addr;
    socket_address->sin_family = AF_INET;
    socket_address->sin_addr.s_addr = htonl(address);
    int result = address ? ioctl(fd, SIOCSIFADDR, &request) : 0;
    if (result == 0 && netmask) {
        socket_address->sin_addr.s_addr = htonl(netmask);
        result = ioctl(fd, SIOCSIFNETMASK, &request);
    }
    if (result == 0) result = ioctl(fd, SIOCGIFFLAGS, &request);
    if (result == 0) {
        request.ifr_flags |= IFF_UP | IFF_RUNNING;
        result = ioctl(fd, SIOCSIFFLAGS, &request);
    }
    close(fd);
    return result;
}

int clinux_power_off(void) {
    sync();
    return reboot(RB_POWER_OFF);
}
