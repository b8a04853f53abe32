/* Network interfaces in struct ifreq: what can be asked of the loopback, and of none; /sys says the same. */
#include "helpers.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int fd;

static struct ifreq asked(const char *name) {
    struct ifreq request;
    memset(&request, 0x55, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name);
    return request;
}

static int ask(unsigned long question, const char *name) {
    struct ifreq request = asked(name);
    return ioctl(fd, question, &request);
}

static unsigned address(unsigned long question) {
    struct ifreq request = asked("lo");
    struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
    NEED(ioctl(fd, question, &request) == 0 && in->sin_family == AF_INET && in->sin_port == 0);
    return ntohl(in->sin_addr.s_addr);
}

static long in_sys(const char *name) {
    char path[64], text[32] = "";
    snprintf(path, sizeof path, "/sys/class/net/lo/%s", name);
    FILE *file = fopen(path, "r");
    NEED(file && fgets(text, sizeof text, file));
    fclose(file);
    return strtol(text, NULL, 0);
}

static void the_loopback(void) {
    struct ifreq request = asked("lo");
    int index = if_nametoindex("lo"), shown = IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_BROADCAST;
    CHECK(index > 0, "the loopback has a number");
    CHECK_EQ(in_sys("ifindex"), index, "the number in /sys");
    request.ifr_ifindex = index;
    CHECK_OK(ioctl(fd, SIOCGIFNAME, &request), "name of a number");
    CHECK(strcmp(request.ifr_name, "lo") == 0, "the name");
    CHECK_OK(ioctl(fd, SIOCGIFFLAGS, &request), "flags");
    CHECK_EQ(request.ifr_flags & shown, IFF_UP | IFF_LOOPBACK | IFF_RUNNING, "up and running");
    CHECK_EQ(in_sys("flags"), request.ifr_flags & ~IFF_RUNNING, "flags in /sys");
    CHECK_OK(ioctl(fd, SIOCGIFMTU, &request), "MTU");
    CHECK_EQ(in_sys("mtu"), request.ifr_mtu, "MTU in /sys");
    CHECK_OK(ioctl(fd, SIOCGIFTXQLEN, &request), "length of the queue");
    CHECK_EQ(in_sys("tx_queue_len"), request.ifr_qlen, "length of the queue in /sys");
    CHECK(ioctl(fd, SIOCGIFMETRIC, &request) == 0 && request.ifr_metric == 0, "an interface has no metric");
    CHECK_OK(ioctl(fd, SIOCGIFHWADDR, &request), "hardware address");
    CHECK_EQ(request.ifr_hwaddr.sa_family, ARPHRD_LOOPBACK, "its kind");
    CHECK_EQ(in_sys("type"), ARPHRD_LOOPBACK, "its kind in /sys");
    CHECK(memcmp(request.ifr_hwaddr.sa_data, "\0\0\0\0\0\0", 6) == 0, "six zeros");
    CHECK_EQ(in_sys("addr_len"), 6, "its length in /sys");
}

static void its_address(void) {
    CHECK_EQ(address(SIOCGIFADDR), INADDR_LOOPBACK, "address");
    CHECK_EQ(address(SIOCGIFDSTADDR), INADDR_LOOPBACK, "address of the other end");
    CHECK_EQ(address(SIOCGIFNETMASK), 0xFF000000, "mask");
    CHECK_EQ(address(SIOCGIFBRDADDR), 0, "no broadcast address");
}

static void listing(void) {
    struct ifreq found[64];
    struct ifconf list = {.ifc_len = sizeof found, .ifc_req = found};
    CHECK_OK(ioctl(fd, SIOCGIFCONF, &list), "list of addresses");
    int whole = list.ifc_len, loopbacks = 0;
    CHECK(whole > 0 && whole % sizeof *found == 0, "whole records");
    for (int at = 0; at < whole / (int)sizeof *found; at++) {
        struct sockaddr_in *in = (struct sockaddr_in *)&found[at].ifr_addr;
        loopbacks += strcmp(found[at].ifr_name, "lo") == 0 && in->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    }
    CHECK_EQ(loopbacks, 1, "the loopback is listed once");
    list.ifc_req = NULL;
    CHECK(ioctl(fd, SIOCGIFCONF, &list) == 0 && list.ifc_len == whole, "the size without a place");
    list = (struct ifconf){.ifc_len = sizeof *found - 1, .ifc_req = found};
    CHECK(ioctl(fd, SIOCGIFCONF, &list) == 0 && list.ifc_len == 0, "no part of a record");
}

static void none(void) {
    struct ifreq request = asked("");
    int ends[2];
    request.ifr_ifindex = 0x7FFFFFF0;
    CHECK_ERRNO(ioctl(fd, SIOCGIFNAME, &request), ENODEV, "a number of none");
    CHECK_ERRNO(ask(SIOCGIFFLAGS, "nosuch0"), ENODEV, "flags of none");
    CHECK_ERRNO(ask(SIOCGIFADDR, "nosuch0"), ENODEV, "address of none");
    CHECK_ERRNO(ask(SIOCGIFADDR, "lo:9"), EADDRNOTAVAIL, "an alias that is none");
    CHECK_ERRNO(ioctl(fd, SIOCGIFMTU, NULL), EFAULT, "no record");
    NEED(pipe(ends) == 0);
    CHECK_ERRNO(ioctl(ends[0], SIOCGIFMTU, &request), ENOTTY, "not of a pipe");
}

int main(void) {
    begin();
    NEED((fd = socket(AF_INET, SOCK_DGRAM, 0)) >= 0);
    the_loopback();
    its_address();
    listing();
    none();
    return finish();
}
