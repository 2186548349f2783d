/*
 * health_wire.h -- the standard health service, grpc.health.v1.Health, as bytes.
 */
#ifndef DKV_WIRE_HEALTH_WIRE_H
#define DKV_WIRE_HEALTH_WIRE_H

#include "wire/wire.h"

#define WIRE_HEALTH_CHECK "/grpc.health.v1.Health/Check"
#define WIRE_HEALTH_WATCH "/grpc.health.v1.Health/Watch"

/* Longer names of services are refused: nobody has one. */
#define WIRE_SERVICE_NAME_SIZE_MAX 255

enum wire_serving {
    WIRE_SERVING_UNKNOWN = 0,
    WIRE_SERVING = 1,
    WIRE_NOT_SERVING = 2,
    WIRE_SERVICE_UNKNOWN = 3, /* Watch only; Check answers NOT_FOUND. */
};

/* The request of both calls: the name of a service, empty for the server as a whole. */
int wire_encode_health_request(const char *service, struct buf *out) MUST_CHECK;
int wire_decode_health_request(struct bytes in, struct wire_arena *arena, const char **out_service,
                               struct wire_error *error) MUST_CHECK;

int wire_encode_health_answer(enum wire_serving serving, struct buf *out) MUST_CHECK;
int wire_decode_health_answer(struct bytes in, struct wire_arena *arena,
                              enum wire_serving *out_serving, struct wire_error *error) MUST_CHECK;

#endif
