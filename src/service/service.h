/*
 * service.h -- what a node serves: KV, Paxos, Admin and grpc.health.v1, on one port.
 *
 * A service decodes, hands over, and answers; what it means is decided in node/ and below.
 *
 * Threads: calls come on the node's poller and are answered there, on the node's loop, or on its
 * reader; no service keeps state of its own.
 */
#ifndef DKV_SERVICE_SERVICE_H
#define DKV_SERVICE_SERVICE_H

#include <stddef.h>

#include "base/err.h"
#include "node/node.h"
#include "rpc/server.h"

#define SERVICE_MESSAGE_SIZE_MAX 400

/* Methods of one service; context is the node. Each returns how many it wrote. */
#define SERVICE_METHODS_MAX 16
size_t kv_service_methods(struct node *n, struct rpc_method out[SERVICE_METHODS_MAX]);
size_t paxos_service_methods(struct node *n, struct rpc_method out[SERVICE_METHODS_MAX]);
size_t admin_service_methods(struct node *n, struct rpc_method out[SERVICE_METHODS_MAX]);
size_t health_service_methods(struct node *n, struct rpc_method out[SERVICE_METHODS_MAX]);

/*
 * Listen on the node's address and serve them all; until node_start has returned they answer
 * UNAVAILABLE. Closed by rpc_server_close, before node_close. On an error message is one line that
 * says what to do. The errors of rpc_server_open.
 */
int service_open(struct node *n, struct rpc_server **out_server,
                 char message[SERVICE_MESSAGE_SIZE_MAX]) MUST_CHECK;

#endif
