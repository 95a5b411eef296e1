#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// Every IPv4 address is made one of this machine, so that a connection to any of them arrives here; and a program that the
// kernel asks for each new connection gives it to one socket, whatever its port. The connection's own local address is then
// the one that its program meant. No packet filter, no translation of addresses, no module.

// Routes.

struct route_request {
    struct nlmsghdr header;
    struct rtmsg route;
    unsigned char attributes[64];
};

static void add_attribute(struct route_request *request, unsigned short type, const void *value, size_t length) {
    struct rtattr *attribute = (struct rtattr *)((unsigned char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(length);
    memcpy(RTA_DATA(attribute), value, length);
    request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

/// Sends one request and reads whether the kernel took it.
static int negotiate(struct route_request *request) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return -1;
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        unsigned char rest[256];
    } answer;
    int result = -1;
    if (send(fd, request, request->header.nlmsg_len, 0) >= 0) {
        ssize_t count = recv(fd, &answer, sizeof answer, 0);
        if (count >= (ssize_t)offsetof(typeof(answer), rest) && answer.header.nlmsg_type == NLMSG_ERROR) {
            result = answer.error.error ? -1 : 0;
            errno = -answer.error.error;
        } else if (count >= 0) {
            errno = EPROTO;
        }
    }
    int number = errno;
    close(fd);
    errno = number;
    return result;
}

/// Adds a route to the table that is looked at first; `prefix` 0 is every address.
static int add_route(unsigned char type, unsigned char scope, const char *interface, uint32_t target, unsigned char prefix,
                     uint32_t source) {
    struct route_request request = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                   .nlmsg_type = RTM_NEWROUTE,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE},
        .route = {.rtm_family = AF_INET,
                  .rtm_dst_len = prefix,
                  .rtm_table = RT_TABLE_LOCAL,
                  .rtm_protocol = RTPROT_STATIC,
                  .rtm_scope = scope,
                  .rtm_type = type},
    };
    unsigned int index = if_nametoindex(interface);
    if (index == 0) return -1;
    uint32_t network_target = htonl(target), network_source = htonl(source);
    if (prefix) add_attribute(&request, RTA_DST, &network_target, sizeof network_target);
    add_attribute(&request, RTA_OIF, &index, sizeof index);
    add_attribute(&request, RTA_PREFSRC, &network_source, sizeof network_source);
    return negotiate(&request);
}

int clinux_own_every_address(const char *interface, uint32_t address, uint32_t peer) {
    // The peer first: without a route of its own it would be taken for this machine, and no longer be heard.
    if (add_route(RTN_UNICAST, RT_SCOPE_LINK, interface, peer, 32, address) < 0) return -1;
    return add_route(RTN_LOCAL, RT_SCOPE_HOST, "lo", 0, 0, address);
}

// Sockets.

static long bpf(int command, union bpf_attr *attributes) {
    return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

#define INSTRUCTION(CODE, DESTINATION, SOURCE, OFFSET, IMMEDIATE) \
    ((struct bpf_insn){.code = CODE, .dst_reg = DESTINATION, .src_reg = SOURCE, .off = OFFSET, .imm = IMMEDIATE})
#define MOVE(DESTINATION, SOURCE) INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_X, DESTINATION, SOURCE, 0, 0)
#define SET(DESTINATION, VALUE) INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, DESTINATION, 0, 0, VALUE)
#define LOAD(DESTINATION, FIELD) \
    INSTRUCTION(BPF_LDX | BPF_MEM | BPF_W, DESTINATION, 6, offsetof(struct bpf_sk_lookup, FIELD), 0)
#define CALL(FUNCTION) INSTRUCTION(BPF_JMP | BPF_CALL, 0, 0, 0, FUNCTION)

/// Loads the program: TCP over IPv4 to an address that is neither the loopback's nor `address` goes to the map's socket.
static int load_program(int map, uint32_t address) {
    enum { LENGTH = 25, PASS = 23 };
    const struct bpf_insn program[LENGTH] = {
        [0] = MOVE(6, 1),
        [1] = LOAD(2, family),
        [2] = INSTRUCTION(BPF_JMP | BPF_JNE | BPF_K, 2, 0, PASS - 3, AF_INET),
        [3] = LOAD(2, protocol),
        [4] = INSTRUCTION(BPF_JMP | BPF_JNE | BPF_K, 2, 0, PASS - 5, IPPROTO_TCP),
        [5] = LOAD(2, local_ip4),
        // As an address stands in memory: its first byte is the lowest here.
        [6] = INSTRUCTION(BPF_JMP32 | BPF_JEQ | BPF_K, 2, 0, PASS - 7, (int)htonl(address)),
        [7] = INSTRUCTION(BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, 0xFF),
        [8] = INSTRUCTION(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, PASS - 9, 127),
        [9] = INSTRUCTION(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
        [10] = INSTRUCTION(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map),
        [11] = INSTRUCTION(0, 0, 0, 0, 0),
        [12] = MOVE(2, 10),
        [13] = INSTRUCTION(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
        [14] = CALL(BPF_FUNC_map_lookup_elem),
        [15] = INSTRUCTION(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, PASS - 16, 0),
        [16] = MOVE(7, 0),
        [17] = MOVE(1, 6),
        [18] = MOVE(2, 7),
        [19] = SET(3, 0),
        [20] = CALL(BPF_FUNC_sk_assign),
        [21] = MOVE(1, 7),
        [22] = CALL(BPF_FUNC_sk_release),
        [23] = SET(0, SK_PASS),
        [24] = INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    union bpf_attr attributes = {
        .prog_type = BPF_PROG_TYPE_SK_LOOKUP,
        .insns = (uint64_t)(uintptr_t)program,
        .insn_cnt = LENGTH,
        .license = (uint64_t)(uintptr_t) "Apache-2.0",
        .expected_attach_type = BPF_SK_LOOKUP,
    };
    return (int)bpf(BPF_PROG_LOAD, &attributes);
}

int clinux_take_connections(int listener, uint32_t address) {
    union bpf_attr map_attributes = {
        .map_type = BPF_MAP_TYPE_SOCKMAP, .key_size = 4, .value_size = 8, .max_entries = 1};
    int program = -1, link = -1;
    int map = (int)bpf(BPF_MAP_CREATE, &map_attributes);
    int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (map < 0 || network < 0) goto done;
    uint32_t key = 0;
    uint64_t socket = (uint64_t)listener;
    union bpf_attr entry = {
        .map_fd = (uint32_t)map, .key = (uint64_t)(uintptr_t)&key, .value = (uint64_t)(uintptr_t)&socket, .flags = BPF_ANY};
    if (bpf(BPF_MAP_UPDATE_ELEM, &entry) < 0) goto done;
    program = load_program(map, address);
    if (program < 0) goto done;
    union bpf_attr link_attributes = {
        .link_create = {
            .prog_fd = (uint32_t)program, .target_fd = (uint32_t)network, .attach_type = BPF_SK_LOOKUP}};
    link = (int)bpf(BPF_LINK_CREATE, &link_attributes);
done:;
    int number = errno;
    if (map >= 0) close(map);
    if (network >= 0) close(network);
    if (program >= 0) close(program);
    errno = number;
    return link;
}
