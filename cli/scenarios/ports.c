/* ports.c -- see ports.h. */
#define _GNU_SOURCE
#include "cli/scenarios/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_FIRST 15000
#define PORT_LAST 31999 /* Linux gives outgoing connections 32768 and up. */
#define TRIES_MAX 2000

static bool port_is_free(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool is_free = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    close(fd);
    return is_free;
}

static bool is_among(uint16_t port, const uint16_t *ports, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (ports[i] == port)
            return true;
    return false;
}

int ports_find(uint32_t count, uint16_t *out_ports)
{
    uint32_t found = 0;
    for (int tries = 0; tries < TRIES_MAX && found < count; tries++) {
        uint32_t random = 0;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            continue;
        uint16_t port = (uint16_t)(PORT_FIRST + random % (PORT_LAST - PORT_FIRST + 1));
        if (!is_among(port, out_ports, found) && port_is_free(port))
            out_ports[found++] = port;
    }
    return found == count ? 0 : ERR_FULL;
}
