#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { page_size = 4096 };

// From Linux 6.7 on; Debian's headers are older. See Documentation/admin-guide/mm/pagemap.rst.
struct page_region {
    uint64_t start, end, categories;
};

struct scan_request {
    uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
    uint64_t inverted, all_of, any_of, returned;
};

#define SCAN_PAGEMAP _IOWR('f', 16, struct scan_request)

enum { page_is_file = 1 << 2, page_is_present = 1 << 3, page_is_swapped = 1 << 4 };

ssize_t clinux_scan_private(int pagemap, uint64_t start, uint64_t *next, uint64_t end, struct clinux_run *runs,
                            size_t capacity) {
    struct page_region *regions = malloc(capacity * sizeof *regions);
    if (!regions) return -1;
    struct scan_request request = {
        .size = sizeof request,
        .start = *next,
        .end = end,
        .regions = (uint64_t)(uintptr_t)regions,
        .region_count = capacity,
        // Not of the file, and there.
        .inverted = page_is_file,
        .all_of = page_is_file,
        .any_of = page_is_present | page_is_swapped,
        .returned = page_is_file,
    };
    int count = ioctl(pagemap, SCAN_PAGEMAP, &request);
    int reason = errno;
    for (int i = 0; i < count; i++) {
        runs[i].first = (regions[i].start - start) / page_size;
        runs[i].count = (regions[i].end - regions[i].start) / page_size;
    }
    free(regions);
    // Full: there may be more behind the last one.
    *next = count > 0 && (size_t)count == capacity ? start + (runs[count - 1].first + runs[count - 1].count) * page_size : end;
    errno = reason;
    return count;
}

ssize_t clinux_read_pagemap(int pagemap, uint64_t start, uint64_t *next, uint64_t end, struct clinux_run *runs,
                            size_t capacity) {
    const uint64_t present = 1ULL << 63, swapped = 1ULL << 62, of_file = 1ULL << 61;
    uint64_t entries[1024];
    size_t count = 0;
    while (*next < end) {
        uint64_t pages = (end - *next) / page_size;
        if (pages > 1024) pages = 1024;
        ssize_t bytes = pread(pagemap, entries, pages * sizeof *entries, (off_t)(*next / page_size * sizeof *entries));
        if (bytes <= 0) {
            if (bytes == 0) errno = ESRCH;
            return -1;
        }
        for (uint64_t i = 0; i < (uint64_t)bytes / sizeof *entries; i++, *next += page_size) {
            if (!(entries[i] & (present | swapped)) || (entries[i] & of_file)) continue;
            uint64_t page = (*next - start) / page_size;
            if (count && runs[count - 1].first + runs[count - 1].count == page) {
                runs[count - 1].count++;
            } else if (count < capacity) {
                runs[count++] = (struct clinux_run){.first = page, .count = 1};
            } else {
                return (ssize_t)count;
            }
        }
    }
    return (ssize_t)count;
}

static int move_pages(int writing, pid_t pid, char *local, uint64_t base, const struct clinux_run *runs, size_t count) {
    struct iovec remote[IOV_MAX];
    for (size_t done = 0; done < count;) {
        size_t batch = 0;
        size_t bytes = 0;
        // A call moves 2 GiB at most.
        for (; batch < IOV_MAX && done + batch < count; batch++) {
            size_t length = runs[done + batch].count * page_size;
            if (batch && bytes + length > (1UL << 30)) break;
            remote[batch].iov_base = (void *)(uintptr_t)(base + runs[done + batch].first * page_size);
            remote[batch].iov_len = length;
            bytes += length;
        }
        struct iovec here = {.iov_base = local, .iov_len = bytes};
        ssize_t moved = writing ? process_vm_writev(pid, &here, 1, remote, batch, 0)
                                : process_vm_readv(pid, &here, 1, remote, batch, 0);
        if (moved < 0) return -1;
        if ((size_t)moved != bytes) {
            errno = EFAULT;
            return -1;
        }
        local += bytes;
        done += batch;
    }
    return 0;
}

int clinux_read_pages(pid_t pid, void *local, uint64_t base, const struct clinux_run *runs, size_t count) {
    return move_pages(0, pid, local, base, runs, count);
}

int clinux_write_pages(pid_t pid, const void *local, uint64_t base, const struct clinux_run *runs, size_t count) {
    return move_pages(1, pid, (char *)local, base, runs, count);
}

void *clinux_map_buffer(size_t length, int populated) {
    void *buffer = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (buffer == MAP_FAILED) return NULL;
    // Both only save time, so that they may fail.
    madvise(buffer, length, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
    if (populated) madvise(buffer, length, MADV_POPULATE_WRITE);
#else
    (void)populated;
#endif
    return buffer;
}

// CRC-32C, the polynomial of iSCSI and ext4: processors since 2008 have an instruction for it.

static uint32_t crc_table[256];

__attribute__((constructor)) static void fill_crc_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t word = i;
        for (int bit = 0; bit < 8; bit++) word = word & 1 ? word >> 1 ^ 0x82F63B78 : word >> 1;
        crc_table[i] = word;
    }
}

static uint32_t crc32c_by_table(uint32_t crc, const uint8_t *bytes, size_t length) {
    while (length--) crc = crc_table[(crc ^ *bytes++) & 0xFF] ^ crc >> 8;
    return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_by_processor(uint32_t crc, const uint8_t *bytes,
                                                                      size_t length) {
    uint64_t wide = crc;
    for (; length >= 8; length -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    while (length--) crc = __builtin_ia32_crc32qi(crc, *bytes++);
    return crc;
}
#endif

uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t length) {
    crc = ~crc;
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) return ~crc32c_by_processor(crc, bytes, length);
#endif
    return ~crc32c_by_table(crc, bytes, length);
}
