/* health_wire.c -- see health_wire.h. */
#include "wire/health_wire.h"

#include <string.h>

#include "grpc/health/v1/health.pb-c.h"
#include "wire/pack.h"

int wire_encode_health_request(const char *service, struct buf *out)
{
    Grpc__Health__V1__HealthCheckRequest m = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    m.service = wire_string(service);
    return wire_pack(&m.base, out);
}

int wire_decode_health_request(struct bytes in, struct wire_arena *arena, const char **out_service,
                               struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&grpc__health__v1__health_check_request__descriptor, in, WIRE_FIELDS_MAX, arena,
                    &unpacked, error));
    const Grpc__Health__V1__HealthCheckRequest *m = unpacked;
    if (strlen(m->service) > WIRE_SERVICE_NAME_SIZE_MAX)
        return wire_refuse(error, "service has %zu bytes; a name has at most %d",
                           strlen(m->service), WIRE_SERVICE_NAME_SIZE_MAX);
    *out_service = m->service;
    return 0;
}

int wire_encode_health_answer(enum wire_serving serving, struct buf *out)
{
    Grpc__Health__V1__HealthCheckResponse m = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    m.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)serving;
    return wire_pack(&m.base, out);
}

int wire_decode_health_answer(struct bytes in, struct wire_arena *arena,
                              enum wire_serving *out_serving, struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&grpc__health__v1__health_check_response__descriptor, in, WIRE_FIELDS_MAX,
                    arena, &unpacked, error));
    const Grpc__Health__V1__HealthCheckResponse *m = unpacked;
    int status = (int)m->status;
    if (status < WIRE_SERVING_UNKNOWN || status > WIRE_SERVICE_UNKNOWN)
        return wire_refuse(error, "serving status %d is unknown", status);
    *out_serving = (enum wire_serving)status;
    return 0;
}
