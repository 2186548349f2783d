/*
 * address.h -- words that people write: "host:port", and sizes.
 *
 * Pure text; nothing is resolved. Any thread.
 */
#ifndef DKV_NODE_ADDRESS_H
#define DKV_NODE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define ADDRESS_SIZE_MAX 262 /* A host of 255, a colon, a port, and the NUL. */

/*
 * "HOST:PORT", "[IPV6]:PORT" or ":PORT", which gets default_host, as "HOST:PORT". The port is 1 to
 * 65535. ERR_INVALID.
 */
int address_parse(const char *text, const char *default_host,
                  char out[ADDRESS_SIZE_MAX]) MUST_CHECK;

/* Is the host localhost, 127.x.y.z or [::1]? Any other name is not, whatever it means. */
bool address_is_loopback(const char *address);

/* The same text, but localhost is 127.0.0.1. */
bool address_equal(const char *a, const char *b);

/* A number, perhaps with K, M, G or T behind it: times 1024 to the 1, 2, 3 or 4. ERR_INVALID. */
int size_parse(const char *text, uint64_t *out) MUST_CHECK;

#endif
