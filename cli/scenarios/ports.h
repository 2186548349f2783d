/*
 * ports.h -- TCP ports on 127.0.0.1 that nobody listens on.
 *
 * Taken below the range from which the kernel gives ports to outgoing connections: a node that is
 * killed and started again must find its port free in between.
 */
#ifndef DKV_CLI_SCENARIOS_PORTS_H
#define DKV_CLI_SCENARIOS_PORTS_H

#include <stdint.h>

#include "base/err.h"

/* `count` different ports, at random. Somebody else may take one before it is used. ERR_FULL: there
 * are not so many. */
int ports_find(uint32_t count, uint16_t *out_ports) MUST_CHECK;

#endif
