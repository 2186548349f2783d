/* address.c -- see address.h. */
#define _GNU_SOURCE
#include "rpc/address.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Cut "host:port" in two: the host without brackets into out_host, the port is the result. */
static const char *address_split(const char *address, char *out_host, size_t size)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == '\0')
        return NULL;
    const char *host = address;
    size_t n = (size_t)(colon - address);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    } else if (memchr(host, ':', n) != NULL) {
        return NULL;
    }
    if (n == 0 || n >= size)
        return NULL;
    memcpy(out_host, host, n);
    out_host[n] = '\0';
    return colon + 1;
}

/* getaddrinfo takes 99999 for a port, and listens on another. */
static bool address_is_port(const char *port)
{
    unsigned value = 0;
    for (const char *c = port; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || value > UINT16_MAX)
            return false;
        value = value * 10 + (unsigned)(*c - '0');
    }
    return value <= UINT16_MAX;
}

/* ERR_NOT_FOUND: this host has no such address, or no addresses of that kind; errno says which. */
static int address_try_bind(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return errno == EAFNOSUPPORT ? ERR_NOT_FOUND : ERR_IO;
    /* As a server does, so that connections of a former one in TIME_WAIT do not count. */
    int on = 1;
    int err = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, a->ai_addr, a->ai_addrlen) != 0)
        err = errno == EADDRINUSE ? ERR_BUSY : errno == EADDRNOTAVAIL ? ERR_NOT_FOUND : ERR_IO;
    int saved = errno;
    close(fd);
    errno = saved;
    return err;
}

/* All that this host has must be free: "localhost" is [::1] too where there is IPv6, and only
 * there. */
static int address_try_all(const struct addrinfo *found)
{
    bool is_bound = false;
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        int err = address_try_bind(a);
        if (err != 0 && err != ERR_NOT_FOUND)
            return err;
        is_bound = is_bound || err == 0;
    }
    return is_bound ? 0 : ERR_IO;
}

int rpc_address_probe(const char *address)
{
    char host[256];
    const char *port = address_split(address, host, sizeof(host));
    if (port == NULL || !address_is_port(port))
        return ERR_INVALID;
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0)
        return failed == EAI_MEMORY ? ERR_NO_MEMORY : ERR_INVALID;
    int err = address_try_all(found);
    int saved = errno;
    freeaddrinfo(found);
    errno = saved;
    return err;
}
