/*
 * node.c -- the loop: drain all that has arrived, step, act once.
 */
#define _GNU_SOURCE
#include "node/node.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "node/die.h"
#include "node/internal.h"
#include "node/monotime.h"

#define STOP_WAIT_NS MONOTIME_S
#define DIE_WAIT_NS (20 * MONOTIME_MS)
#define SIGNALS_EVERY_NS (50 * MONOTIME_MS)
/* What arrives while a turn's events are handled waits for the next turn beyond so many. */
#define EVENTS_PER_TURN 256

static void signals_set(sigset_t *out_set)
{
    sigemptyset(out_set);
    sigaddset(out_set, SIGTERM);
    sigaddset(out_set, SIGINT);
}

void node_block_signals(void)
{
    sigset_t set;
    signals_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- Any thread ---------------------------------------------------------------------------- */

const struct config *node_config(const struct node *n)
{
    return &n->config;
}

bool node_is_serving(const struct node *n)
{
    return atomic_load_explicit(&n->phase, memory_order_acquire) == NODE_SERVING;
}

uint64_t node_applied(const struct node *n)
{
    return atomic_load_explicit(&n->applied, memory_order_relaxed);
}

void node_post(struct node *n, struct mail *mail)
{
    mailbox_push(&n->mailbox, mail);
}

static void node_on_stop(struct mail *mail, void *owner)
{
    (void)mail;
    struct node *n = owner;
    if (atomic_load(&n->phase) != NODE_SERVING)
        return;
    atomic_store_explicit(&n->phase, NODE_STOPPING, memory_order_release);
    n->stop_by_ns = n->now_ns + STOP_WAIT_NS;
}

void node_stop(struct node *n)
{
    if (!atomic_exchange(&n->stop_pushed, true))
        mailbox_push(&n->mailbox, &n->stop_mail);
}

struct rpc_poller *node_poller(struct node *n)
{
    return n->poller;
}

_Atomic size_t *node_unread(struct node *n)
{
    return &n->unread;
}

static void node_wake(void *context)
{
    struct node *n = context;
    rpc_poller_wake(n->poller);
}

/* ---- Life ---------------------------------------------------------------------------------- */

int node_open(const struct config *config, struct node **out_node)
{
    struct node *n = mem_alloc_zero(sizeof(*n));
    if (n == NULL)
        return ERR_NO_MEMORY;
    n->config = *config;
    n->self = members_index(&config->members, config->id);
    assert(n->self != MEMBER_NONE);
    n->die_at_ns = UINT64_MAX;
    n->stop_by_ns = UINT64_MAX;
    n->stop_mail.run = node_on_stop;
    list_init(&n->links);
    list_init(&n->ops);
    list_init(&n->turn_ends);
    list_init(&n->soon);
    if (rpc_poller_open(&n->poller) != 0)
        goto free_node;
    mailbox_init_with(&n->mailbox, node_wake, n);
    sigset_t set;
    signals_set(&set);
    n->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (n->signal_fd < 0)
        goto fini_mailbox;
    *out_node = n;
    return 0;

fini_mailbox:
    mailbox_fini(&n->mailbox);
    rpc_poller_close(n->poller);
free_node:
    mem_free(n);
    return ERR_IO;
}

void node_close(struct node *n)
{
    if (n == NULL)
        return;
    atomic_store(&n->phase, NODE_STOPPED);
    peers_close(n);
    committer_fini(&n->committer);
    checkpointer_fini(&n->checkpointer);
    /* What is left in the mailbox frees itself; some of it asks the reader. */
    while (mailbox_run(&n->mailbox, n))
        continue;
    worker_fini(&n->reader);
    later_fini(&n->later, n);
    assert(list_is_empty(&n->links));
    assert(list_is_empty(&n->ops));
    assert(list_is_empty(&n->turn_ends) && list_is_empty(&n->soon));
    while (n->spare_commits != NULL) {
        struct commit *commit = n->spare_commits;
        n->spare_commits = commit->next;
        commit_free(commit);
    }
    peers_fini(n);
    effects_fini(&n->effects);
    replica_close(n->replica);
    state_store_close(n->state);
    acceptor_store_close(n->acceptor);
    close(n->signal_fd);
    mailbox_fini(&n->mailbox);
    rpc_poller_close(n->poller);
    mem_free(n);
}

/* ---- One turn ------------------------------------------------------------------------------ */

void node_step(struct node *n, struct event event)
{
    event.now_ns = n->now_ns;
    int err = replica_step(n->replica, &event, &n->effects);
    if (err == ERR_NO_MEMORY)
        die_no_memory("the replica");
    if (err != 0)
        die("two values were chosen in one slot, or others have seen more of this node than its "
            "disk knows of: this disk, or another node's, went back in time; restore none of them, "
            "and see docs/operations.md");
}

static void node_commit(struct node *n)
{
    struct effects *e = &n->effects;
    if (e->writes_count == 0)
        return;
    struct commit *commit = n->spare_commits;
    if (commit != NULL)
        n->spare_commits = commit->next;
    else
        commit = mem_alloc_zero(sizeof(*commit));
    if (commit == NULL)
        die_no_memory("a commit");
    /* The arrays change places: its empty one fills next. */
    struct durable *writes = commit->writes;
    size_t capacity = commit->writes_capacity;
    commit->writes = e->writes;
    commit->writes_count = e->writes_count;
    commit->writes_capacity = e->writes_capacity;
    commit->sequence = e->write_sequence;
    commit->next = NULL;
    e->writes = writes;
    e->writes_count = 0;
    e->writes_capacity = capacity;
    committer_submit(&n->committer, commit);
}

static void node_answer(struct node *n, const struct answer *answer)
{
    /* The handle is the address that op_on_mail gave. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    struct node_op *op = (struct node_op *)(uintptr_t)answer->handle;
    list_remove(&op->link);
    metrics_count_op(&n->metrics, op, NODE_OP_ANSWERED, answer, n->now_ns);
    op->on_end(n, op, NODE_OP_ANSWERED, answer);
}

/* Everything that the steps of this turn asked for, once. The disk and the peers first. */
static void node_carry_out(struct node *n)
{
    struct effects *e = &n->effects;
    node_commit(n);
    for (size_t i = 0; i < e->sends_count; i++)
        peers_send(n, e->sends[i].peer, &e->sends[i].message);
    peers_flush(n);
    for (size_t i = 0; i < e->answers_count; i++)
        node_answer(n, &e->answers[i]);
    for (size_t i = 0; i < e->notices_count; i++)
        notices_carry_out(n, &e->notices[i]);
    if (e->checkpoint != NULL) {
        checkpointer_submit(&n->checkpointer, e->checkpoint);
        e->checkpoint = NULL;
    }
    effects_clear(e);
}

void node_at_turn_end(struct node *n, struct turn_end *t)
{
    if (list_is_empty(&t->link))
        list_push_back(&n->turn_ends, &t->link);
}

void node_do_soon(struct node *n, struct node_soon *soon)
{
    if (!list_is_empty(&soon->link))
        return;
    soon->due_ns = n->now_ns + NODE_SOON_NS;
    list_push_back(&n->soon, &soon->link);
}

static uint64_t node_next_soon_ns(const struct node *n)
{
    return list_is_empty(&n->soon) ? UINT64_MAX
                                   : LIST_ENTRY(n->soon.next, struct node_soon, link)->due_ns;
}

static void node_run_soon(struct node *n)
{
    while (node_next_soon_ns(n) <= n->now_ns) {
        struct node_soon *soon = LIST_ENTRY(n->soon.next, struct node_soon, link);
        list_remove(&soon->link);
        soon->run(n, soon);
    }
}

static void node_end_turn(struct node *n)
{
    while (!list_is_empty(&n->turn_ends)) {
        struct turn_end *t = LIST_ENTRY(n->turn_ends.next, struct turn_end, link);
        list_remove(&t->link);
        t->run(n, t);
    }
}

bool node_is_told_to_stop(struct node *n)
{
    bool is_told = atomic_load(&n->stop_pushed);
    struct signalfd_siginfo info;
    while (read(n->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        log_info("told to stop by %s", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
        is_told = true;
    }
    return is_told;
}

/* Nothing wakes the loop for a signal: it looks for one now and then. */
static void node_look_for_signals(struct node *n)
{
    if (n->now_ns < n->look_ns)
        return;
    n->look_ns = n->now_ns + SIGNALS_EVERY_NS;
    if (node_is_told_to_stop(n))
        node_on_stop(&n->stop_mail, n);
}

/* Until something arrived, somebody sent mail, or something is due. */
static void node_sleep(struct node *n)
{
    uint64_t until_ns = n->effects.next_tick_ns;
    const uint64_t others_ns[] = {peers_next_ns(n),     later_next_ns(&n->later),
                                  node_next_soon_ns(n), n->stop_by_ns,
                                  n->die_at_ns,         n->look_ns};
    for (size_t i = 0; i < sizeof(others_ns) / sizeof(others_ns[0]); i++)
        until_ns = others_ns[i] < until_ns ? others_ns[i] : until_ns;
    if (!mailbox_doze(&n->mailbox))
        return;
    rpc_poller_wait(n->poller, until_ns);
    mailbox_rouse(&n->mailbox);
}

static void node_turn(struct node *n)
{
    node_sleep(n);
    n->now_ns = monotime_ns();
    if (n->now_ns >= n->die_at_ns)
        kill(getpid(), SIGKILL);
    n->metrics.turns++;
    node_look_for_signals(n);
    rpc_poller_run(n->poller, EVENTS_PER_TURN);
    peers_tell_behind(n);
    mailbox_run(&n->mailbox, n);
    later_run(&n->later, n->now_ns, n);
    node_run_soon(n);
    peers_dial(n);
    links_expire(n);
    node_step(n, (struct event){.kind = EVENT_TICK});
    node_carry_out(n);
    node_end_turn(n);
    notices_remind(n);
    checkpointer_press(&n->checkpointer, replica_is_pressed(n->replica));
    atomic_store_explicit(&n->applied, machine_applied(replica_machine(n->replica)),
                          memory_order_relaxed);
}

static bool node_is_done(const struct node *n)
{
    return atomic_load(&n->phase) == NODE_STOPPING &&
           (list_is_empty(&n->ops) || n->now_ns >= n->stop_by_ns);
}

void node_run(struct node *n)
{
    assert(n->replica != NULL);
    rpc_poller_adopt(n->poller);
    while (!node_is_done(n))
        node_turn(n);
    atomic_store_explicit(&n->phase, NODE_STOPPED, memory_order_release);
    while (!list_is_empty(&n->ops)) {
        struct node_op *op = LIST_ENTRY(n->ops.next, struct node_op, link);
        list_remove(&op->link);
        op->on_end(n, op, NODE_OP_ABANDONED, NULL);
    }
    node_end_turn(n);
}

struct faults *node_faults(struct node *n)
{
    return &n->faults;
}

void node_die_soon(struct node *n)
{
    if (n->die_at_ns == UINT64_MAX)
        n->die_at_ns = n->now_ns + DIE_WAIT_NS;
}
