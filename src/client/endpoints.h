/*
 * endpoints.h -- the addresses that a person gives a client: "host:port,host:port,…".
 *
 * Pure text; nothing is resolved. Any thread.
 */
#ifndef DKV_CLIENT_ENDPOINTS_H
#define DKV_CLIENT_ENDPOINTS_H

#include <stdint.h>

#include "base/err.h"

#define ENDPOINTS_MAX 16
#define ENDPOINT_SIZE_MAX 262 /* A host of 255, a colon, a port, and the NUL. */

struct endpoints {
    uint32_t count;
    char addresses[ENDPOINTS_MAX][ENDPOINT_SIZE_MAX];
};

/*
 * One to ENDPOINTS_MAX of "host:port", "[v6]:port" and ":port", which is 127.0.0.1, with commas
 * between them; a port is 1 to 65535. ERR_INVALID: *out_why (may be NULL), static, says what is
 * wrong.
 */
int endpoints_parse(const char *text, struct endpoints *out, const char **out_why) MUST_CHECK;

#endif
