/* endpoints.c -- see endpoints.h. */
#include "client/endpoints.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool port_is_valid(const char *text, size_t size)
{
    uint32_t port = 0;
    if (size == 0 || size > 5)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

/* Size of the host in "host:port", or SIZE_MAX. A host with colons has brackets around it. */
static size_t host_size(const char *text, size_t size)
{
    for (size_t i = size; i > 0; i--) {
        if (text[i - 1] != ':')
            continue;
        size_t host = i - 1;
        bool has_brackets = host >= 2 && text[0] == '[' && text[host - 1] == ']';
        return has_brackets || memchr(text, ':', host) == NULL ? host : SIZE_MAX;
    }
    return SIZE_MAX;
}

static const char *endpoint_parse(const char *text, size_t size, char out[ENDPOINT_SIZE_MAX])
{
    if (size == 0)
        return "an address is empty";
    size_t host = host_size(text, size);
    if (host == SIZE_MAX)
        return "an address has no port: write HOST:PORT";
    if (!port_is_valid(text + host + 1, size - host - 1))
        return "a port is a number from 1 to 65535";
    if (memchr(text, ' ', size) != NULL || memchr(text, '/', size) != NULL)
        return "an address is HOST:PORT and nothing else";
    const char *prefix = host == 0 ? "127.0.0.1" : "";
    size_t prefix_size = strlen(prefix);
    if (prefix_size + size >= ENDPOINT_SIZE_MAX)
        return "an address is too long";
    memcpy(out, prefix, prefix_size);
    memcpy(out + prefix_size, text, size);
    out[prefix_size + size] = '\0';
    return NULL;
}

int endpoints_parse(const char *text, struct endpoints *out, const char **out_why)
{
    struct endpoints parsed = {0};
    const char *why = text == NULL ? "no address is given" : NULL;
    while (why == NULL) {
        size_t size = strcspn(text, ",");
        if (parsed.count == ENDPOINTS_MAX)
            why = "there are more than 16 addresses";
        else
            why = endpoint_parse(text, size, parsed.addresses[parsed.count]);
        if (why != NULL)
            break;
        parsed.count++;
        if (text[size] == '\0') {
            *out = parsed;
            return 0;
        }
        text += size + 1;
    }
    if (out_why != NULL)
        *out_why = why;
    return ERR_INVALID;
}
