/* Neighbours in struct arpreq: what can be asked, and requests that are refused before anything is changed. */
#include "helpers.h"

#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int fd;

static struct arpreq about(unsigned host, const char *device) {
    struct arpreq request = {0};
    struct sockaddr_in *name = (struct sockaddr_in *)&request.arp_pa;
    name->sin_family = AF_INET;
    name->sin_addr.s_addr = htonl(host);
    strncpy(request.arp_dev, device, sizeof request.arp_dev);
    return request;
}

static void questions(void) {
    struct arpreq request = about(0x7F000009, "lo");
    CHECK_ERRNO(ioctl(fd, SIOCGARP, &request), ENXIO, "a neighbour that nobody knows");
    request = about(0x7F000009, "");
    request.arp_flags = ATF_NETMASK;
    CHECK_ERRNO(ioctl(fd, SIOCGARP, &request), EINVAL, "a mask without an entry that is published");
    request = about(0x7F000009, "lo");
    request.arp_flags = ATF_DONTPUB;
    CHECK_ERRNO(ioctl(fd, SIOCGARP, &request), EINVAL, "not to be published");
    request = about(0x7F000009, "lo");
    request.arp_flags = ATF_COM;
    request.arp_ha.sa_family = ARPHRD_ETHER;
    CHECK_ERRNO(ioctl(fd, SIOCGARP, &request), EINVAL, "an address of another kind of hardware");
    request = about(0x7F000009, "none-such");
    CHECK_ERRNO(ioctl(fd, SIOCGARP, &request), ENODEV, "an interface that is not there");
    request.arp_pa.sa_family = AF_INET6;
    CHECK_ERRNO(ioctl(fd, SIOCGARP, &request), EPFNOSUPPORT, "a host of another family");
    CHECK_ERRNO(ioctl(fd, SIOCGARP, NULL), EFAULT, "no record");
}

static void who_may_not(void) {
    struct arpreq request = about(0x7F000009, "lo");
    become_ordinary();
    CHECK_ERRNO(ioctl(fd, SIOCSARP, &request), EPERM, "to set an entry");
    CHECK_ERRNO(ioctl(fd, SIOCDARP, &request), EPERM, "to remove an entry");
    CHECK_ERRNO(ioctl(fd, SIOCSARP, NULL), EPERM, "to set from nowhere");
    CHECK_ERRNO(ioctl(fd, SIOCGARP, &request), ENXIO, "to look is everybody's right");
}

int main(void) {
    int nothing = open("/dev/null", O_RDWR);
    struct arpreq request = about(0x7F000009, "lo");
    begin();
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    NEED(fd >= 0 && nothing >= 0);
    questions();
    CHECK_ERRNO(ioctl(nothing, SIOCGARP, &request), ENOTTY, "no socket");
    NEED(in_child(who_may_not) == 0);
    return finish();
}
