#include "service/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A client that is gone without a word is noticed, and its calls end. */
#define PING_AFTER_MS 10000
#define PING_TIMEOUT_MS 5000
#define CONNECTION_CALLS_MAX 128

static int explain(int err, const char *address, char message[SERVICE_MESSAGE_SIZE_MAX])
{
    switch (err) {
    case ERR_BUSY:
        snprintf(message, SERVICE_MESSAGE_SIZE_MAX,
                 "%s is in use by another process: stop that one, or choose another --addr",
                 address);
        break;
    case ERR_INVALID:
        snprintf(message, SERVICE_MESSAGE_SIZE_MAX,
                 "%s is no address of this machine: check the name in --addr", address);
        break;
    case ERR_IO:
        snprintf(message, SERVICE_MESSAGE_SIZE_MAX, "cannot listen on %s: %s; check --addr",
                 address, strerror(errno));
        break;
    default:
        snprintf(message, SERVICE_MESSAGE_SIZE_MAX, "cannot listen on %s: %s", address,
                 err_text(err));
        break;
    }
    return err;
}

int service_open(struct node *n, struct rpc_server **out_server,
                 char message[SERVICE_MESSAGE_SIZE_MAX])
{
    struct rpc_method methods[4 * SERVICE_METHODS_MAX];
    size_t count = 0;
    count += kv_service_methods(n, methods + count);
    count += paxos_service_methods(n, methods + count);
    count += admin_service_methods(n, methods + count);
    count += health_service_methods(n, methods + count);
    const struct rpc_server_options options = {
        .poller = node_poller(n),
        .connection_calls_max = CONNECTION_CALLS_MAX,
        .unsent = node_unread(n),
        .keepalive_time_ms = PING_AFTER_MS,
        .keepalive_timeout_ms = PING_TIMEOUT_MS,
    };
    const struct config *c = node_config(n);
    const char *address = c->addresses[members_index(&c->members, c->id)];
    int err = rpc_server_open(address, methods, count, &options, out_server);
    return err == 0 ? 0 : explain(err, address, message);
}
