/*
 * client.h -- what a client knows and keeps: endpoints, its session, and what is under way
 * (private to this room).
 *
 * Locks. The client's lock guards what is named below it; it is never held during a call or a
 * callback, and only io's lock is taken while it is held.
 */
#ifndef DKV_CLIENT_CLIENT_H
#define DKV_CLIENT_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "client/endpoints.h"
#include "client/io.h"
#include "client/lane.h"
#include "dkv/dkv.h"
#include "kv/command.h"

struct dkv_client {
    struct dkv_io *io;
    bool owns_io;
    bool no_session;
    bool floor_is_given;
    bool born_is_given;
    uint64_t floor; /* If given, as the next. */
    uint64_t born;
    uint32_t timeout_ms;
    uint32_t attempt_timeout_ms;
    struct endpoints endpoints;
    struct rpc_channel *channels[ENDPOINTS_MAX]; /* As many as `opened` says, as the next. */
    struct lane lanes[ENDPOINTS_MAX];
    uint32_t opened;
    bool calls_only;
    uint8_t client_id[CLIENT_ID_SIZE_MAX];
    size_t client_id_size;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* While closing: an operation or a call's start has ended. */
    struct list writes;     /* struct operation, op_ids ascending: the first one is the floor. */
    struct list reads;
    uint64_t next_op_id;
    bool has_seen;      /* An answer came, */
    uint64_t seen;      /* and this is the highest slot in any. */
    uint32_t preferred; /* Endpoint that answered last. */
    uint32_t calling;   /* Threads that are about to use a channel. */
    uint32_t ending;    /* Operations that are in no list, but whose callback has not returned. */
    bool closing;
};

/* Channels are not closed between these two. False: they may be gone already, and no end comes. */
bool client_begin_call(struct dkv_client *client);
void client_end_call(struct dkv_client *client);

/* An answer of this endpoint had this slot. */
void client_note_slot(struct dkv_client *client, uint64_t slot, uint32_t endpoint);

#endif
