/* client.c -- opening and closing a client, and what its operations share. See dkv.h, client.h. */
#define _GNU_SOURCE
#include "client/client.h"

#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "client/operation.h"

#define TIMEOUT_MS 10000
#define ATTEMPT_TIMEOUT_MS 2000
#define RANDOM_ID_SIZE 16

/* A node that is gone without a word (a power cut, a lost link) is noticed after their sum. */
#define KEEPALIVE_TIME_MS 10000
#define KEEPALIVE_TIMEOUT_MS 5000

bool client_begin_call(struct dkv_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool may_call = !client->closing;
    client->calling += may_call;
    pthread_mutex_unlock(&client->lock);
    return may_call;
}

void client_end_call(struct dkv_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->calling--;
    if (client->closing)
        pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

void client_note_slot(struct dkv_client *client, uint64_t slot, uint32_t endpoint)
{
    pthread_mutex_lock(&client->lock);
    if (slot > client->seen)
        client->seen = slot;
    client->has_seen = true;
    client->preferred = endpoint;
    pthread_mutex_unlock(&client->lock);
}

static enum dkv_status client_set_id(struct dkv_client *client, struct dkv_bytes id)
{
    if (id.size > CLIENT_ID_SIZE_MAX)
        return DKV_INVALID;
    if (id.size > 0) {
        memcpy(client->client_id, id.data, id.size);
        client->client_id_size = id.size;
        return DKV_OK;
    }
    client->client_id_size = RANDOM_ID_SIZE;
    ssize_t got = getrandom(client->client_id, RANDOM_ID_SIZE, 0);
    return got == RANDOM_ID_SIZE ? DKV_OK : DKV_FAILED;
}

static void client_set_options(struct dkv_client *client, const struct dkv_options *options)
{
    client->io = options->io;
    client->no_session = options->no_session;
    client->calls_only = options->calls_only;
    client->next_op_id = options->first_op_id != 0 ? options->first_op_id : 1;
    client->floor = options->floor;
    client->floor_is_given = options->floor != 0;
    client->born = options->born;
    client->born_is_given = options->born_is_given;
    client->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS;
    client->attempt_timeout_ms = options->attempt_timeout_ms;
    if (client->attempt_timeout_ms != 0)
        return;
    client->attempt_timeout_ms = ATTEMPT_TIMEOUT_MS;
    /* A node that hangs must leave time for another one. */
    if (client->endpoints.count > 1 && client->timeout_ms / 2 < ATTEMPT_TIMEOUT_MS)
        client->attempt_timeout_ms = client->timeout_ms / 2 + 1;
}

static enum dkv_status client_open_channels(struct dkv_client *client)
{
    const struct rpc_channel_options options = {
        .keepalive_time_ms = KEEPALIVE_TIME_MS,
        .keepalive_timeout_ms = KEEPALIVE_TIMEOUT_MS,
    };
    if (client->io == NULL) {
        if (dkv_io_open(&client->io) != DKV_OK)
            return DKV_NO_MEMORY;
        client->owns_io = true;
    }
    for (uint32_t i = 0; i < client->endpoints.count; i++) {
        if (rpc_channel_open(io_rpc(client->io), client->endpoints.addresses[i], &options,
                             &client->channels[i]) != 0)
            return DKV_NO_MEMORY;
        lane_init(&client->lanes[i], client->io, client->channels[i]);
        client->opened++;
    }
    return DKV_OK;
}

enum dkv_status dkv_open(const struct dkv_options *options, struct dkv_client **out_client)
{
    struct dkv_client *client = mem_alloc_zero(sizeof(*client));
    if (client == NULL)
        return DKV_NO_MEMORY;
    list_init(&client->writes);
    list_init(&client->reads);
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->changed, NULL);
    enum dkv_status status = client_set_id(client, options->client_id);
    if (status == DKV_OK && endpoints_parse(options->endpoints, &client->endpoints, NULL) != 0)
        status = DKV_INVALID;
    client_set_options(client, options);
    if (status == DKV_OK)
        status = client_open_channels(client);
    if (status != DKV_OK) {
        dkv_close(client);
        return status;
    }
    *out_client = client;
    return DKV_OK;
}

void dkv_close(struct dkv_client *client)
{
    if (client == NULL)
        return;
    pthread_mutex_lock(&client->lock);
    client->closing = true;
    operation_hurry_all(&client->writes);
    operation_hurry_all(&client->reads);
    while (client->calling > 0)
        pthread_cond_wait(&client->changed, &client->lock);
    pthread_mutex_unlock(&client->lock);
    /* Cancels the calls under way; their operations then give up instead of trying again. */
    for (uint32_t i = 0; i < client->opened; i++)
        rpc_channel_close(client->channels[i]);
    pthread_mutex_lock(&client->lock);
    while (!list_is_empty(&client->writes) || !list_is_empty(&client->reads) || client->ending > 0)
        pthread_cond_wait(&client->changed, &client->lock);
    pthread_mutex_unlock(&client->lock);
    for (uint32_t i = 0; i < client->opened; i++)
        lane_fini(&client->lanes[i]);
    if (client->owns_io)
        dkv_io_close(client->io);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    mem_free(client);
}

struct dkv_bytes dkv_client_id(const struct dkv_client *client)
{
    return (struct dkv_bytes){.data = client->client_id, .size = client->client_id_size};
}
