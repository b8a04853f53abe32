/* NETLINK_SOCK_DIAG: sockets listed by state and port, found by their addresses, chosen by programs; what is refused. */
#include "check.h"
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/netlink_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { LISTENS = 1 << TCP_LISTEN, EVERY = 0xfff };

struct asked {
    struct nlmsghdr header;
    union {
        struct inet_diag_req_v2 inet;
        struct unix_diag_req local;
        struct netlink_diag_req netlink;
    } body;
    char more[256];
};

static int diag;
static char answers[65536];
static int answered;      /* how many messages there were */
static int refused;       /* the error that came, or -1 */
static struct nlmsghdr last;
static struct inet_diag_msg first;
static struct unix_diag_msg first_local;
static char attributes[16][512];
static int attribute_size[16];

static void keep(struct nlmsghdr *message, int head) {
    struct rtattr *each = (struct rtattr *)((char *)NLMSG_DATA(message) + NLMSG_ALIGN(head));
    int left = message->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(head));
    for (; RTA_OK(each, left); each = RTA_NEXT(each, left))
        if ((each->rta_type & NLA_TYPE_MASK) < 16 && RTA_PAYLOAD(each) <= 512) {
            attribute_size[each->rta_type & NLA_TYPE_MASK] = RTA_PAYLOAD(each);
            memcpy(attributes[each->rta_type & NLA_TYPE_MASK], RTA_DATA(each), RTA_PAYLOAD(each));
        }
}

static void ask(struct asked *request, int size, int flags, int head) {
    int more = 1;
    request->header.nlmsg_len = NLMSG_LENGTH(size);
    if (!request->header.nlmsg_type)
        request->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request->header.nlmsg_flags = NLM_F_REQUEST | flags;
    request->header.nlmsg_seq = 7;
    answered = 0, refused = -1;
    memset(attribute_size, -1, sizeof attribute_size);
    NEED(send(diag, request, request->header.nlmsg_len, 0) == (int)request->header.nlmsg_len);
    while (more) {
        int size = recv(diag, answers, sizeof answers, 0);
        struct nlmsghdr *each = (struct nlmsghdr *)answers;
        NEED(size > 0);
        for (; NLMSG_OK(each, size); each = NLMSG_NEXT(each, size)) {
            last = *each;
            if (each->nlmsg_type == NLMSG_DONE && *(int *)NLMSG_DATA(each) < 0)
                refused = -*(int *)NLMSG_DATA(each);
            if (each->nlmsg_type == NLMSG_ERROR)
                refused = -((struct nlmsgerr *)NLMSG_DATA(each))->error;
            more = each->nlmsg_type == SOCK_DIAG_BY_FAMILY && each->nlmsg_flags & NLM_F_MULTI;
            if (each->nlmsg_type != SOCK_DIAG_BY_FAMILY)
                break;
            if (!answered++) {
                memcpy(&first, NLMSG_DATA(each), sizeof first);
                memcpy(&first_local, NLMSG_DATA(each), sizeof first_local);
                keep(each, head);
            }
        }
    }
}

static struct asked about(int family, int protocol, unsigned states) {
    struct asked request = {0};
    request.body.inet.sdiag_family = family;
    request.body.inet.sdiag_protocol = protocol;
    request.body.inet.idiag_states = states;
    request.body.inet.id.idiag_cookie[0] = request.body.inet.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return request;
}

static void ask_inet(struct asked *request, int flags) {
    ask(request, sizeof request->body.inet, flags, sizeof first);
}

static unsigned inode_of(int fd) {
    struct stat state;
    NEED(fstat(fd, &state) == 0);
    return state.st_ino;
}

static int bound(int type, struct sockaddr_in *name) {
    socklen_t size = sizeof *name;
    int fd = socket(AF_INET, type, 0);
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    NEED(bind(fd, (struct sockaddr *)name, size) == 0 && getsockname(fd, (struct sockaddr *)name, &size) == 0);
    return fd;
}

static void internet(void) {
    struct sockaddr_in name, other, datagrams;
    socklen_t size = sizeof other;
    int server = bound(SOCK_STREAM, &name), udp = bound(SOCK_DGRAM, &datagrams), client, one;
    struct asked request = about(AF_INET, IPPROTO_TCP, EVERY);

    request.body.inet.id.idiag_sport = name.sin_port;
    ask_inet(&request, NLM_F_DUMP);
    CHECK(answered == 0 || first.idiag_state > TCP_CLOSING, "who does not listen is not there");
    NEED(listen(server, 5) == 0);
    client = socket(AF_INET, SOCK_STREAM, 0);
    NEED(connect(client, (struct sockaddr *)&name, sizeof name) == 0);
    NEED(getsockname(client, (struct sockaddr *)&other, &size) == 0);

    request.body.inet.idiag_states = LISTENS;
    ask_inet(&request, NLM_F_DUMP);
    CHECK_EQ(answered, 1, "one listens at the port");
    CHECK(first.idiag_family == AF_INET && first.idiag_state == TCP_LISTEN, "it listens");
    CHECK(first.idiag_inode == inode_of(server) && first.idiag_uid == getuid(), "its inode and owner");
    CHECK(first.idiag_rqueue == 1 && first.idiag_wqueue == 5, "one has connected, of five that may wait");
    CHECK(first.id.idiag_src[0] == name.sin_addr.s_addr && first.id.idiag_dport == 0, "its address");
    CHECK_EQ(attribute_size[INET_DIAG_SHUTDOWN], 1, "what has been shut down");
    CHECK_EQ(attribute_size[INET_DIAG_SKMEMINFO], -1, "what is not asked for is not told");
    CHECK(last.nlmsg_type == NLMSG_DONE && last.nlmsg_seq == 7, "a list has an end");

    one = accept(server, NULL, NULL);
    NEED(send(client, "hello", 5, 0) == 5);
    request = about(AF_INET, IPPROTO_TCP, 1 << TCP_ESTABLISHED);
    request.body.inet.id.idiag_sport = name.sin_port;
    request.body.inet.id.idiag_dport = other.sin_port;
    request.body.inet.idiag_ext = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_MEMINFO - 1) | 1 << (INET_DIAG_CONG - 1) |
                                  1 << (INET_DIAG_SKMEMINFO - 1) | 1 << (INET_DIAG_TOS - 1);
    ask_inet(&request, NLM_F_DUMP);
    CHECK(answered == 1 && first.idiag_inode == inode_of(one), "a connection by both ports");
    CHECK_EQ(first.idiag_rqueue, 5, "what was sent waits in it");
    CHECK(attribute_size[INET_DIAG_INFO] >= 104 && attributes[INET_DIAG_INFO][0] == TCP_ESTABLISHED, "what TCP knows");
    CHECK_EQ(attribute_size[INET_DIAG_MEMINFO], 16, "memory in four numbers");
    CHECK_EQ(attribute_size[INET_DIAG_SKMEMINFO], 36, "memory in nine numbers");
    CHECK(attribute_size[INET_DIAG_CONG] > 1, "the algorithm has a name");
    CHECK_EQ(attribute_size[INET_DIAG_TOS], 1, "type of service");

    request.body.inet.id.idiag_src[0] = request.body.inet.id.idiag_dst[0] = htonl(INADDR_LOOPBACK);
    ask_inet(&request, 0);
    CHECK(answered == 1 && first.idiag_inode == inode_of(one) && !(last.nlmsg_flags & NLM_F_MULTI),
          "one is found by its addresses");
    request.body.inet.id = first.id;
    ask_inet(&request, 0);
    CHECK_EQ(answered, 1, "and by its cookie too");
    request.body.inet.id.idiag_cookie[0] ^= 0x55555;
    ask_inet(&request, 0);
    CHECK_EQ(refused, ENOENT, "another cookie is that of another socket");
    request.body.inet.id.idiag_cookie[0] = request.body.inet.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    NEED(shutdown(one, SHUT_WR) == 0);
    request.body.inet.idiag_states = EVERY;
    ask_inet(&request, NLM_F_DUMP);
    CHECK(answered == 1 && attributes[INET_DIAG_SHUTDOWN][0] == 2, "sending was shut down");

    request = about(AF_INET, IPPROTO_UDP, EVERY);
    request.body.inet.id.idiag_sport = datagrams.sin_port;
    ask_inet(&request, NLM_F_DUMP);
    CHECK(answered == 1 && first.idiag_inode == inode_of(udp) && first.idiag_state == TCP_CLOSE, "a socket of UDP");
    request.body.inet.idiag_states = 1 << TCP_ESTABLISHED;
    ask_inet(&request, NLM_F_DUMP);
    CHECK_EQ(answered, 0, "which is connected to nobody");
    close(one), close(client), close(server), close(udp);
}

/* A program that lets through what has a source port of at least `port`. */
static void programs(void) {
    struct sockaddr_in name;
    int server = bound(SOCK_STREAM, &name), port = ntohs(name.sin_port);
    struct asked request = about(AF_INET, IPPROTO_TCP, LISTENS);
    struct rtattr *attribute = (struct rtattr *)(&request.body.inet + 1);
    struct inet_diag_bc_op *code = RTA_DATA(attribute);
    int size = sizeof request.body.inet + RTA_LENGTH(16);

    NEED(listen(server, 1) == 0);
    request.body.inet.id.idiag_sport = name.sin_port;
    attribute->rta_type = INET_DIAG_REQ_BYTECODE;
    attribute->rta_len = RTA_LENGTH(8);
    size = sizeof request.body.inet + RTA_LENGTH(8);
    code[0] = (struct inet_diag_bc_op){INET_DIAG_BC_S_GE, 8, 12};
    code[1] = (struct inet_diag_bc_op){INET_DIAG_BC_NOP, 0, port};
    ask(&request, size, NLM_F_DUMP, sizeof first);
    CHECK_EQ(answered, 1, "a port that is high enough");
    code[1].no = port + 1;
    ask(&request, size, NLM_F_DUMP, sizeof first);
    CHECK_EQ(answered, 0, "one that is not");
    code[0] = (struct inet_diag_bc_op){INET_DIAG_BC_S_EQ, 8, 12};
    code[1].no = port;
    ask(&request, size, NLM_F_DUMP, sizeof first);
    CHECK_EQ(answered, 1, "the very port");
    code[0] = (struct inet_diag_bc_op){INET_DIAG_BC_S_GE, 0, 12};
    ask(&request, size, NLM_F_DUMP, sizeof first);
    CHECK_EQ(refused, EINVAL, "a program that stands still");
    code[0] = (struct inet_diag_bc_op){INET_DIAG_BC_S_GE, 12, 12};
    ask(&request, size, NLM_F_DUMP, sizeof first);
    CHECK_EQ(refused, EINVAL, "a program that goes too far");
    code[0] = (struct inet_diag_bc_op){200, 8, 12};
    ask(&request, size, NLM_F_DUMP, sizeof first);
    CHECK_EQ(refused, EINVAL, "an operation that is none");
    attribute->rta_len = RTA_LENGTH(4);
    code[0] = (struct inet_diag_bc_op){INET_DIAG_BC_S_GE, 4, 8};
    ask(&request, sizeof request.body.inet + RTA_LENGTH(4), NLM_F_DUMP, sizeof first);
    CHECK_EQ(refused, EINVAL, "an operation without its argument");
    close(server);
}

static void local(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "name"};
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    struct asked request = {0};

    NEED(bind(server, (struct sockaddr *)&name, sizeof name) == 0 && listen(server, 3) == 0);
    NEED(connect(client, (struct sockaddr *)&name, sizeof name) == 0);
    request.body.local = (struct unix_diag_req){AF_UNIX, 0, 0, EVERY, inode_of(server),
        UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN | UDIAG_SHOW_MEMINFO,
        {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}};
    ask(&request, sizeof request.body.local, 0, sizeof first_local);
    CHECK(answered == 1 && first_local.udiag_ino == inode_of(server), "a local socket by its inode");
    CHECK(first_local.udiag_type == SOCK_STREAM && first_local.udiag_state == TCP_LISTEN, "it listens to streams");
    CHECK(attribute_size[UNIX_DIAG_NAME] == 5 && !strcmp(attributes[UNIX_DIAG_NAME], "name"), "its name");
    struct stat state;
    NEED(stat("name", &state) == 0);
    CHECK(((struct unix_diag_vfs *)attributes[UNIX_DIAG_VFS])->udiag_vfs_ino == state.st_ino, "the file that is the name");
    CHECK(attribute_size[UNIX_DIAG_ICONS] == 4 && *(unsigned *)attributes[UNIX_DIAG_ICONS] == inode_of(client),
          "who waits to be accepted");
    struct unix_diag_rqlen *lengths = (struct unix_diag_rqlen *)attributes[UNIX_DIAG_RQLEN];
    CHECK(lengths->udiag_rqueue == 1 && lengths->udiag_wqueue == 3, "how many wait, of how many that may");
    CHECK_EQ(attribute_size[UNIX_DIAG_MEMINFO], 36, "memory of a local socket");
    CHECK_EQ(attribute_size[UNIX_DIAG_PEER], -1, "who listens has no peer");
    int one = accept(server, NULL, NULL);
    NEED(send(client, "hello", 5, 0) == 5);
    request.body.local.udiag_ino = inode_of(one);
    ask(&request, sizeof request.body.local, 0, sizeof first_local);
    CHECK(answered == 1 && *(unsigned *)attributes[UNIX_DIAG_PEER] == inode_of(client), "the other end");
    CHECK_EQ(((struct unix_diag_rqlen *)attributes[UNIX_DIAG_RQLEN])->udiag_rqueue, 5, "what has come");
    request.body.local.udiag_ino = 0;
    ask(&request, sizeof request.body.local, 0, sizeof first_local);
    CHECK_EQ(refused, EINVAL, "no inode is 0");
    request.body.local.udiag_ino = 0x7fffffff;
    ask(&request, sizeof request.body.local, 0, sizeof first_local);
    CHECK_EQ(refused, ENOENT, "an inode of nobody");
    request.body.local.udiag_ino = inode_of(one);
    request.body.local.udiag_cookie[0] = 0x55555;
    ask(&request, sizeof request.body.local, 0, sizeof first_local);
    CHECK_EQ(refused, ESTALE, "a cookie of another local socket");
    request.body.local.udiag_states = 0;
    ask(&request, sizeof request.body.local, NLM_F_DUMP, sizeof first_local);
    CHECK_EQ(answered, 0, "no states, no sockets");
    close(one), close(client), close(server);
}

static void refusals(void) {
    struct asked request = about(AF_INET, IPPROTO_TCP, EVERY);

    ask(&request, sizeof request.body.inet - 1, NLM_F_DUMP, sizeof first);
    CHECK_EQ(refused, EINVAL, "a request that is cut");
    request.body.inet.sdiag_family = 200;
    ask_inet(&request, NLM_F_DUMP);
    CHECK_EQ(refused, EINVAL, "a family that there cannot be");
    request = about(AF_INET, 99, EVERY);
    ask_inet(&request, NLM_F_DUMP);
    CHECK_EQ(refused, ENOENT, "a list of a protocol of nobody");
    ask_inet(&request, 0);
    CHECK_EQ(refused, ENOENT, "a socket of a protocol of nobody");
    request = about(AF_INET, IPPROTO_TCP, EVERY);
    request.body.inet.id.idiag_sport = htons(1);
    ask_inet(&request, 0);
    CHECK_EQ(refused, ENOENT, "nobody at a port");
    request.header.nlmsg_type = 99;
    ask_inet(&request, 0);
    CHECK_EQ(refused, EINVAL, "a type that is none");
    request = about(AF_UNIX, 0, EVERY);
    request.header.nlmsg_type = SOCK_DESTROY;
    ask_inet(&request, 0);
    CHECK(refused == EPERM || refused == EOPNOTSUPP, "local sockets are not destroyed");
}

int main(void) {
    struct sockaddr_nl name;
    socklen_t size = sizeof name;

    begin();
    diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    CHECK(diag >= 0, "a socket of sock_diag");
    CHECK_ERRNO(recv(diag, answers, sizeof answers, MSG_DONTWAIT), EAGAIN, "nothing was asked yet");
    internet();
    programs();
    local();
    refusals();
    CHECK(getsockname(diag, (struct sockaddr *)&name, &size) == 0 && name.nl_pid != 0, "who asks has a port");
    struct asked request = {.body.netlink = {AF_NETLINK, NETLINK_SOCK_DIAG, 0, 0, NDIAG_SHOW_GROUPS}};
    ask(&request, sizeof request.body.netlink, NLM_F_DUMP, sizeof(struct netlink_diag_msg));
    CHECK(answered >= 1, "sockets of netlink are told too");
    return finish();
}
