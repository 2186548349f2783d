#include "node/address.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

#define HOST_SIZE_MAX 255

int size_parse(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    size_t size = strlen(text);
    unsigned shift = 0;
    if (size > 0) {
        const char *unit = strchr(units, toupper((unsigned char)text[size - 1]));
        if (unit != NULL) {
            shift = 10 * (unsigned)(unit - units + 1);
            size--;
        }
    }
    uint64_t number;
    TRY(number_parse_until(text, text + size, &number));
    if (number > UINT64_MAX >> shift)
        return ERR_INVALID;
    *out = number << shift;
    return 0;
}

static bool host_is_valid(const char *host, size_t size)
{
    if (size == 0 || size > HOST_SIZE_MAX)
        return false;
    bool bracketed = host[0] == '[';
    if (bracketed && (size < 4 || host[size - 1] != ']'))
        return false;
    for (size_t i = bracketed; i < size - bracketed; i++) {
        bool plain =
            isalnum((unsigned char)host[i]) || host[i] == '.' || host[i] == '-' || host[i] == '_';
        if (!plain && !(bracketed && (host[i] == ':' || host[i] == '%')))
            return false;
    }
    return true;
}

int address_parse(const char *text, const char *default_host, char out[ADDRESS_SIZE_MAX])
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL || number_parse(colon + 1, &port) != 0 || port == 0 || port > 65535)
        return ERR_INVALID;
    size_t host_size = (size_t)(colon - text);
    if (host_size == 0) {
        snprintf(out, ADDRESS_SIZE_MAX, "%s:%u", default_host, (unsigned)port);
        return 0;
    }
    if (!host_is_valid(text, host_size))
        return ERR_INVALID;
    snprintf(out, ADDRESS_SIZE_MAX, "%.*s:%u", (int)host_size, text, (unsigned)port);
    return 0;
}

/* The host as written, but localhost is 127.0.0.1. */
static const char *host_of(const char *address, size_t *out_size)
{
    size_t size = (size_t)(strrchr(address, ':') - address);
    if (size == strlen("localhost") && strncmp(address, "localhost", size) == 0)
        address = "127.0.0.1", size = strlen("127.0.0.1");
    *out_size = size;
    return address;
}

bool address_is_loopback(const char *address)
{
    size_t size;
    const char *host = host_of(address, &size);
    if (size == strlen("[::1]") && strncmp(host, "[::1]", size) == 0)
        return true;
    if (size < 5 || strncmp(host, "127.", 4) != 0)
        return false;
    /* A name may begin with 127. too. */
    for (size_t i = 0; i < size; i++)
        if (host[i] != '.' && !isdigit((unsigned char)host[i]))
            return false;
    return true;
}

bool address_equal(const char *a, const char *b)
{
    size_t a_size;
    size_t b_size;
    const char *a_host = host_of(a, &a_size);
    const char *b_host = host_of(b, &b_size);
    return a_size == b_size && memcmp(a_host, b_host, a_size) == 0 &&
           strcmp(strrchr(a, ':'), strrchr(b, ':')) == 0;
}
