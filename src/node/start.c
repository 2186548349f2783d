/*
 * start.c -- from the disk into the replica, before the loop begins.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "node/die.h"
#include "node/internal.h"
#include "node/monotime.h"

/* ---- What the threads say ------------------------------------------------------------------- */

static void on_durable(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct commit *commit = LIST_ENTRY(mail, struct commit, mail);
    if (atomic_load(&n->phase) != NODE_STOPPED)
        node_step(n, (struct event){.kind = EVENT_DURABLE, .sequence = commit->sequence});
    while (commit != NULL) {
        struct commit *next = commit->next;
        commit->next = n->spare_commits;
        n->spare_commits = commit;
        commit = next;
    }
}

static void on_committed(void *context)
{
    struct node *n = context;
    checkpointer_on_committed(&n->checkpointer);
}

static void on_checkpointed(struct mail *mail, void *owner)
{
    struct node *n = owner;
    (void)mail;
    if (atomic_load(&n->phase) != NODE_STOPPED)
        node_step(n, (struct event){.kind = EVENT_CHECKPOINTED, .slot = n->checkpointer.slot});
}

/* ---- The state ------------------------------------------------------------------------------ */

struct loading {
    struct node *node;
    struct machine *machine;
    uint64_t records; /* Seen so far. */
};

/* So many records are loaded between two looks whether to stop: some ms. */
#define LOOK_EVERY_RECORDS 4096

/* ERR_CLOSED: told to stop. A state of gigabytes takes minutes, and nobody waits for it then. */
static int loading_look(struct loading *l)
{
    return l->records++ % LOOK_EVERY_RECORDS == 0 && node_is_told_to_stop(l->node) ? ERR_CLOSED : 0;
}

static int on_key(void *context, struct bytes key, const struct record_entry *entry)
{
    struct loading *l = context;
    TRY(loading_look(l));
    return machine_restore_key(l->machine, key, entry->value, entry->create_revision,
                               entry->mod_revision, entry->version);
}

static int on_session(void *context, struct bytes client_id, struct bytes session)
{
    struct loading *l = context;
    TRY(loading_look(l));
    return machine_restore_session(l->machine, client_id, session);
}

static int on_head(void *context, const struct checkpoint_head *head)
{
    struct loading *l = context;
    return machine_restore_head(l->machine, head);
}

static int on_record(void *context, const struct durable *record)
{
    struct loading *l = context;
    TRY(loading_look(l));
    return replica_restore(l->node->replica, record);
}

static int load(struct node *n, struct store_error *error)
{
    struct machine *machine = replica_machine(n->replica);
    struct loading l = {.node = n, .machine = machine};
    const struct state_store_loader loader = {on_key, on_session, on_head, &l};
    bool found = false;
    TRY(state_store_load(n->state, &loader, &found, error));
    uint64_t checkpoint = machine_applied(machine);
    TRY(acceptor_store_load(n->acceptor, checkpoint, on_record, &l, error));
    if (node_is_told_to_stop(n))
        return ERR_CLOSED;
    int err = replica_start(n->replica, n->now_ns);
    if (err != 0)
        return store_error_set(error, err,
                               "%s: the log above the checkpoint of slot %llu cannot be applied "
                               "(%s): check it with dkv-node --verify %s",
                               n->config.data_dir, (unsigned long long)checkpoint, err_text(err),
                               n->config.data_dir);
    log_line(LOG_INFO,
             LOG_FIELDS(log_text("mode", mode_name(n->config.mode)),
                        log_u64("keys", machine_keys(machine)), log_u64("checkpoint", checkpoint),
                        log_u64("applied", machine_applied(machine)),
                        log_u64("boot", acceptor_store_boot(n->acceptor))),
             "restored %s", n->config.data_dir);
    return 0;
}

/* ---- Opening -------------------------------------------------------------------------------- */

static int open_stores(struct node *n, struct store_error *error)
{
    struct config *c = &n->config;
    uint64_t map_size = c->map_size > 0 ? c->map_size : STORE_MAP_SIZE_DEFAULT;
    struct acceptor_store_options options = {
        .dir = c->data_dir,
        .identity = {.mode = c->mode, .members = c->members, .id = c->id},
        .keep_mode = !c->mode_given,
        .map_size_bytes = map_size,
    };
    memcpy(options.identity.cluster, c->cluster, sizeof(options.identity.cluster));
    TRY(acceptor_store_open(&options, &n->acceptor, error));
    c->mode = acceptor_store_identity(n->acceptor)->mode;
    return state_store_open(c->data_dir, acceptor_store_identity(n->acceptor), map_size, &n->state,
                            error);
}

static uint64_t random_u64(void)
{
    uint64_t seed = 0;
    /* Never short and never interrupted for so few bytes, once the system is up. */
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = monotime_ns();
    return seed;
}

static int open_replica(struct node *n)
{
    const struct config *c = &n->config;
    struct replica_options options = {
        .identity = *acceptor_store_identity(n->acceptor),
        .boot = acceptor_store_boot(n->acceptor),
        .admitted = acceptor_store_admitted(n->acceptor),
        .first_slot = 1,
        .seed = random_u64(),
        .life = random_u64() | 1,
        .limits = machine_limits_default,
        .tuning = replica_tuning_default,
    };
    options.tuning.pipeline_max = c->pipeline;
    options.tuning.queue_ops_max = c->queue_ops;
    options.tuning.queue_bytes_max = c->queue_bytes;
    options.tuning.checkpoint_slots = c->checkpoint_slots;
    options.tuning.state_bytes_max = c->state_max;
    return replica_open(&options, &n->replica);
}

static int start_threads(struct node *n)
{
    n->committer = (struct committer){
        .store = n->acceptor,
        .latency = &n->metrics.commit,
        .answers = &n->mailbox,
        .on_durable = on_durable,
        .on_committed = on_committed,
        .context = n,
    };
    n->checkpointer = (struct checkpointer){
        .acceptor = n->acceptor,
        .store = n->state,
        .latency = &n->metrics.checkpoint,
        .answers = &n->mailbox,
        .on_written = on_checkpointed,
    };
    TRY(checkpointer_init(&n->checkpointer));
    TRY(committer_init(&n->committer));
    TRY(worker_init(&n->reader, "dkv-reader", n, NULL));
    return peers_open(n);
}

int node_start(struct node *n, char message[NODE_MESSAGE_SIZE_MAX])
{
    assert(n->replica == NULL);
    struct store_error error = {.text = ""};
    n->now_ns = monotime_ns();
    n->started_ns = n->now_ns;
    n->complain_ns = n->now_ns;
    faults_init(&n->faults, random_u64());
    /* Whoever asks while the state is being loaded is answered, by this thread. */
    int err = rpc_poller_start(n->poller);
    if (err == 0)
        err = open_stores(n, &error);
    if (err == 0)
        err = open_replica(n);
    if (err == 0)
        err = load(n, &error);
    if (err == ERR_CLOSED) {
        snprintf(message, NODE_MESSAGE_SIZE_MAX, "stopped while the state was being loaded");
        return err;
    }
    if (err != 0) {
        snprintf(message, NODE_MESSAGE_SIZE_MAX, "%s",
                 error.text[0] != '\0' ? error.text : err_text(err));
        return err;
    }
    err = start_threads(n);
    if (err != 0) {
        snprintf(message, NODE_MESSAGE_SIZE_MAX, "no thread or descriptor is to be had: %s",
                 err_text(err));
        return err;
    }
    atomic_store_explicit(&n->applied, machine_applied(replica_machine(n->replica)),
                          memory_order_relaxed);
    atomic_store_explicit(&n->phase, NODE_SERVING, memory_order_release);
    return 0;
}
