/*
 * target_zookeeper.c -- see target_zookeeper.h.
 *
 * A key is a znode right below the root. A put sets it whatever its version, and creates it if it
 * is not there. A linearizable get is a sync and a get sent right after it, without waiting: a
 * server answers what one session asks in that order. A sequential get is a get alone.
 *
 * Each client has a session of its own, and so a connection. When the connection breaks, the
 * library itself goes to the next server, and what was under way is sent again. When an attempt
 * takes too long, the client leaves that session for a new one at the next endpoint, since the
 * library would wait for seconds. A new session is a write of its own, which needs a leader: a
 * client is twice as patient with each that came to nothing, up to 2 s, or the store would drown in
 * sessions just when it comes back.
 *
 * Threads. One poller has all sessions, as the other targets have one: the library's own threads,
 * two for each session, cost the generator several times as much, on processors that it shares
 * with the servers. Everything of a client belongs to the poller, or to whoever holds the lock
 * while clients come and go; operations reach it through a mailbox. Only a session that was left is
 * closed on a thread of its own, because a server that hangs makes that wait.
 */
#define _GNU_SOURCE
#include "target_zookeeper.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include "base/list.h"
#include "base/mem.h"
#include "cli/scenarios/moment.h"

#define PATIENCE_MAX_MS 2000
#define SESSION_TIMEOUT_MS 10000
#define PATH_SIZE_MAX 512
#define HOSTS_SIZE_MAX 4096
#define EVENTS_MAX 64
#define CHECK_EVERY_MS 5
#define THOROUGH_EVERY 20 /* Checks. */

struct target {
    struct target_options options;
    int epoll;
    int wake; /* An eventfd: the mailbox is no longer empty, or this is the end. */
    pthread_t poller;
    pthread_mutex_t lock; /* The poller's, but while it waits for events. */
    struct list clients;
    struct list closed; /* Clients that the poller may have events of in its hand. */
    uint64_t checks;

    pthread_mutex_t mailbox_lock; /* Of what follows. */
    struct target_op *mailbox;    /* The latest first. */
    bool stopping;
    uint32_t closing; /* Sessions that are being closed. */
    pthread_cond_t closed_one;
};

struct target_client {
    struct target *target;
    struct list link;
    struct list attempts;
    zhandle_t *session;   /* NULL: the client is closed. */
    uint32_t endpoint;    /* Where the session began. */
    uint32_t patience_ms; /* How long an attempt may take. */
    int fd;               /* Of the session, as the epoll knows it; -1: it knows none. */
    uint32_t events;
};

/* One attempt at an operation; freed when it has neither an operation nor callbacks to come. */
struct attempt {
    struct list link;
    struct target_client *client;
    struct target_op *op; /* NULL: it is over, or another one takes its place. */
    unsigned callbacks;
    uint64_t sent_ns;
};

/* ---- Attempts ------------------------------------------------------------------------------ */

static void on_set(int rc, const struct Stat *stat, const void *data);
static void on_create(int rc, const char *name, const void *data);
static void on_sync(int rc, const char *name, const void *data);
static void on_get(int rc, const char *value, int size, const struct Stat *stat, const void *data);

static void attempt_end(struct attempt *a)
{
    list_remove(&a->link);
    a->op = NULL;
    if (a->callbacks == 0)
        mem_free(a);
}

static void attempt_send_put(struct attempt *a, const char *path, bool creates)
{
    zhandle_t *session = a->client->session;
    const char *value = (const char *)a->op->value.data;
    int size = (int)a->op->value.size;
    int rc = creates
                 ? zoo_acreate(session, path, value, size, &ZOO_OPEN_ACL_UNSAFE, 0, on_create, a)
                 : zoo_aset(session, path, value, size, -1, on_set, a);
    a->callbacks += rc == ZOK;
}

static void attempt_send_get(struct attempt *a, const char *path)
{
    zhandle_t *session = a->client->session;
    if (a->client->target->options.consistency == TARGET_LINEARIZABLE) {
        if (zoo_async(session, path, on_sync, a) != ZOK)
            return;
        a->callbacks++;
    }
    a->callbacks += zoo_aget(session, path, 0, on_get, a) == ZOK;
}

/* What the session does not take, because it is dead, stays until a check finds it so. */
static int attempt_begin(struct target_client *c, struct target_op *op, bool creates)
{
    char path[PATH_SIZE_MAX + 2];
    struct attempt *a = mem_alloc_zero(sizeof(*a));
    if (a == NULL)
        return ERR_NO_MEMORY;
    assert(op->key.size <= PATH_SIZE_MAX);
    snprintf(path, sizeof(path), "/%.*s", (int)op->key.size, (const char *)op->key.data);
    *a = (struct attempt){.client = c, .op = op, .sent_ns = moment_now_ns()};
    list_push_back(&c->attempts, &a->link);
    if (op->is_put)
        attempt_send_put(a, path, creates);
    else
        attempt_send_get(a, path);
    return 0;
}

static void op_fail(struct target_op *op, const char *text)
{
    op->on_done(op, &(struct target_result){.text = text});
}

/* This attempt will not do: begin another one, or give up. */
static void attempt_repeat(struct attempt *a, int rc, bool creates)
{
    struct target_client *c = a->client;
    struct target_op *op = a->op;
    assert(op != NULL);
    attempt_end(a);
    if (moment_now_ns() >= op->deadline_ns || attempt_begin(c, op, creates) != 0)
        op_fail(op, zerror(rc));
}

/* An answer came; `is_last` of those to this attempt: a sync has its get behind it. */
static void attempt_on_answer(struct attempt *a, int rc, bool is_last)
{
    struct target_op *op = a->op;
    assert(a->callbacks > 0);
    a->callbacks--;
    if (op == NULL) {
        if (a->callbacks == 0)
            mem_free(a);
        return;
    }
    if (rc == ZOK && !is_last)
        return;
    if (rc == ZOK || (rc == ZNONODE && !op->is_put)) {
        a->client->patience_ms = a->client->target->options.attempt_timeout_ms;
        attempt_end(a);
        op->on_done(op, &(struct target_result){.ok = true, .found = rc == ZOK, .text = ""});
    } else if (is_unrecoverable(a->client->session) == ZINVALIDSTATE) {
        return; /* The next check begins another session. */
    } else if (rc == ZNONODE || rc == ZNODEEXISTS || rc == ZSESSIONMOVED || rc > ZAPIERROR) {
        attempt_repeat(a, rc, rc == ZNONODE); /* Above are lost connections and the like. */
    } else {
        attempt_end(a);
        op_fail(op, zerror(rc));
    }
}

static void on_set(int rc, const struct Stat *stat, const void *data)
{
    (void)stat;
    attempt_on_answer((struct attempt *)(uintptr_t)data, rc, true);
}

static void on_create(int rc, const char *name, const void *data)
{
    (void)name;
    attempt_on_answer((struct attempt *)(uintptr_t)data, rc, true);
}

static void on_sync(int rc, const char *name, const void *data)
{
    (void)name;
    attempt_on_answer((struct attempt *)(uintptr_t)data, rc, false);
}

static void on_get(int rc, const char *value, int size, const struct Stat *stat, const void *data)
{
    (void)value;
    (void)size;
    (void)stat;
    attempt_on_answer((struct attempt *)(uintptr_t)data, rc, true);
}

/* ---- Sessions ------------------------------------------------------------------------------ */

/* One that begins at this endpoint, and goes on to those after it. NULL: it cannot be opened. */
static zhandle_t *session_open(const struct endpoints *e, uint32_t endpoint)
{
    char hosts[HOSTS_SIZE_MAX] = "";
    size_t size = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        size += (size_t)snprintf(hosts + size, sizeof(hosts) - size, "%s%s", i > 0 ? "," : "",
                                 e->addresses[(endpoint + i) % e->count]);
        assert(size < sizeof(hosts));
    }
    zhandle_t *session = zookeeper_init(hosts, NULL, SESSION_TIMEOUT_MS, NULL, NULL, 0);
    /* The addresses stay what they are; by default each call asks for them anew, which costs more
     * than an operation does. */
    if (session != NULL)
        zoo_set_servers_resolution_delay(session, -1);
    return session;
}

struct closer {
    struct target *target;
    zhandle_t *session;
};

static void *closer_run(void *context)
{
    struct closer closer = *(struct closer *)context;
    mem_free(context);
    /* The callbacks that were still to come come now, of attempts that are over. */
    zookeeper_close(closer.session);
    pthread_mutex_lock(&closer.target->mailbox_lock);
    closer.target->closing--;
    pthread_cond_broadcast(&closer.target->closed_one);
    pthread_mutex_unlock(&closer.target->mailbox_lock);
    return NULL;
}

/* ERR_NO_MEMORY: it is still open. */
static int session_close_elsewhere(struct target *t, zhandle_t *session)
{
    pthread_t thread;
    struct closer *closer = mem_alloc(sizeof(*closer));
    if (closer == NULL)
        return ERR_NO_MEMORY;
    *closer = (struct closer){.target = t, .session = session};
    pthread_mutex_lock(&t->mailbox_lock);
    int err = pthread_create(&thread, NULL, closer_run, closer);
    t->closing += err == 0;
    pthread_mutex_unlock(&t->mailbox_lock);
    if (err != 0) {
        mem_free(closer);
        return ERR_NO_MEMORY;
    }
    pthread_detach(thread);
    return 0;
}

/*
 * Let the session connect or ping if it is time to, and watch for what it waits for. The library
 * closes and opens sockets as it likes, whose numbers come again, also at another client; a closed
 * one leaves the epoll by itself. So nothing is ever taken out of it, and what is in it is asked.
 */
static void client_watch(struct target_client *c)
{
    int fd = -1;
    int interest = 0;
    struct timeval unused;
    if (zookeeper_interest(c->session, &fd, &interest, &unused) != ZOK || fd < 0) {
        c->fd = -1;
        return;
    }
    uint32_t events = ((interest & ZOOKEEPER_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
                      ((interest & ZOOKEEPER_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0);
    if (fd == c->fd && events == c->events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = c};
    int err = epoll_ctl(c->target->epoll, EPOLL_CTL_MOD, fd, &event);
    if (err != 0 && errno == ENOENT)
        err = epoll_ctl(c->target->epoll, EPOLL_CTL_ADD, fd, &event);
    c->fd = err == 0 ? fd : -1;
    c->events = events;
}

static void client_on_events(struct target_client *c, uint32_t events)
{
    int ready = 0;
    if (c->session == NULL)
        return;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        ready |= ZOOKEEPER_READ;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        ready |= ZOOKEEPER_WRITE;
    if (zookeeper_process(c->session, ready) != ZOK)
        c->fd = -1;
    client_watch(c);
}

/* A client whose attempt took too long, or whose session is dead, begins anew elsewhere. */
static bool client_is_stuck(const struct target_client *c, uint64_t now_ns)
{
    uint64_t timeout_ns = c->patience_ms * MOMENT_MS;
    if (is_unrecoverable(c->session) == ZINVALIDSTATE)
        return true;
    for (struct list *link = c->attempts.next; link != &c->attempts; link = link->next) {
        if (LIST_ENTRY(link, struct attempt, link)->sent_ns + timeout_ns <= now_ns)
            return true;
    }
    return false;
}

static void client_leave_session(struct target_client *c)
{
    const struct endpoints *e = c->target->options.endpoints;
    uint32_t endpoint = (c->endpoint + 1) % e->count;
    zhandle_t *left = c->session;
    zhandle_t *session = session_open(e, endpoint);
    /* No memory for it now: perhaps at the next check. */
    if (session == NULL)
        return;
    c->fd = -1;
    c->session = session;
    c->endpoint = endpoint;
    if (c->patience_ms * 2 <= PATIENCE_MAX_MS)
        c->patience_ms *= 2;
    struct list attempts;
    list_init(&attempts);
    list_splice_back(&attempts, &c->attempts);
    while (!list_is_empty(&attempts))
        attempt_repeat(LIST_ENTRY(attempts.next, struct attempt, link), ZOPERATIONTIMEOUT, false);
    if (session_close_elsewhere(c->target, left) != 0)
        zookeeper_close(left);
}

static void client_fail_expired(struct target_client *c, uint64_t now_ns)
{
    struct list *link = c->attempts.next;
    while (link != &c->attempts) {
        struct attempt *a = LIST_ENTRY(link, struct attempt, link);
        struct target_op *op = a->op;
        link = link->next;
        if (op->deadline_ns > now_ns)
            continue;
        attempt_end(a);
        op_fail(op, zerror(ZOPERATIONTIMEOUT));
    }
}

static void client_check(struct target_client *c, uint64_t now_ns, bool is_thorough)
{
    client_fail_expired(c, now_ns);
    if (client_is_stuck(c, now_ns))
        client_leave_session(c);
    /* The same number may be another socket. */
    if (is_thorough)
        c->fd = -1;
    client_watch(c);
}

/* ---- The poller ---------------------------------------------------------------------------- */

/* False: the end. */
static bool poller_take_mail(struct target *t)
{
    uint64_t count;
    pthread_mutex_lock(&t->mailbox_lock);
    struct target_op *op = t->mailbox;
    t->mailbox = NULL;
    bool goes_on = !t->stopping;
    pthread_mutex_unlock(&t->mailbox_lock);
    ssize_t size = read(t->wake, &count, sizeof(count));
    (void)size; /* It does not block, and may have been read for earlier mail. */
    while (op != NULL) {
        struct target_op *next = op->next;
        if (attempt_begin(op->client, op, false) != 0)
            op_fail(op, err_text(ERR_NO_MEMORY));
        client_watch(op->client);
        op = next;
    }
    return goes_on;
}

static void poller_check_all(struct target *t)
{
    uint64_t now_ns = moment_now_ns();
    t->checks++;
    for (struct list *link = t->clients.next; link != &t->clients; link = link->next)
        client_check(LIST_ENTRY(link, struct target_client, link), now_ns,
                     t->checks % THOROUGH_EVERY == 0);
}

static void *poller_run(void *context)
{
    struct target *t = context;
    struct epoll_event events[EVENTS_MAX];
    uint64_t next_check_ns = 0;
    bool goes_on = true;
    while (goes_on) {
        int count = epoll_wait(t->epoll, events, EVENTS_MAX, CHECK_EVERY_MS);
        pthread_mutex_lock(&t->lock);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL)
                client_on_events(events[i].data.ptr, events[i].events);
        }
        goes_on = poller_take_mail(t);
        if (moment_now_ns() >= next_check_ns) {
            poller_check_all(t);
            next_check_ns = moment_now_ns() + CHECK_EVERY_MS * MOMENT_MS;
        }
        pthread_mutex_unlock(&t->lock);
    }
    return NULL;
}

static void poller_wake(struct target *t)
{
    uint64_t one = 1;
    ssize_t size = write(t->wake, &one, sizeof(one));
    assert(size == sizeof(one));
    (void)size;
}

/* ---- Clients ------------------------------------------------------------------------------- */

static int zookeeper_client_open(struct target *t, uint32_t home, struct target_client **out_client)
{
    struct target_client *c = mem_alloc_zero(sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    *c = (struct target_client){
        .target = t,
        .endpoint = home,
        .patience_ms = t->options.attempt_timeout_ms,
        .fd = -1,
    };
    list_init(&c->attempts);
    c->session = session_open(t->options.endpoints, home);
    if (c->session == NULL) {
        mem_free(c);
        return ERR_NO_MEMORY;
    }
    pthread_mutex_lock(&t->lock);
    list_push_back(&t->clients, &c->link);
    pthread_mutex_unlock(&t->lock);
    *out_client = c;
    return 0;
}

static void zookeeper_client_close(struct target_client *c)
{
    if (c == NULL)
        return;
    struct target *t = c->target;
    pthread_mutex_lock(&t->lock);
    assert(list_is_empty(&c->attempts));
    zookeeper_close(c->session);
    c->session = NULL;
    list_remove(&c->link);
    list_push_back(&t->closed, &c->link);
    pthread_mutex_unlock(&t->lock);
}

static int zookeeper_client_submit(struct target_client *c, struct target_op *op)
{
    struct target *t = c->target;
    op->client = c;
    op->deadline_ns = moment_now_ns() + t->options.timeout_ms * MOMENT_MS;
    if (pthread_equal(pthread_self(), t->poller))
        return attempt_begin(c, op, false) == 0 ? 0 : ERR_BUSY;
    pthread_mutex_lock(&t->mailbox_lock);
    op->next = t->mailbox;
    t->mailbox = op;
    pthread_mutex_unlock(&t->mailbox_lock);
    poller_wake(t);
    return 0;
}

/* ---- The target ---------------------------------------------------------------------------- */

static int zookeeper_open(const struct target_options *options, struct target **out_target)
{
    struct target *t = mem_alloc_zero(sizeof(*t));
    if (t == NULL)
        return ERR_NO_MEMORY;
    t->options = *options;
    list_init(&t->clients);
    list_init(&t->closed);
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_init(&t->mailbox_lock, NULL);
    pthread_cond_init(&t->closed_one, NULL);
    zoo_set_debug_level((ZooLogLevel)0);
    /* From the client's home on, in the order of the list. */
    zoo_deterministic_conn_order(1);
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    if (t->epoll >= 0 && t->wake >= 0 && epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->wake, &event) == 0 &&
        pthread_create(&t->poller, NULL, poller_run, t) == 0) {
        *out_target = t;
        return 0;
    }
    close(t->wake);
    close(t->epoll);
    pthread_cond_destroy(&t->closed_one);
    pthread_mutex_destroy(&t->mailbox_lock);
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
    return ERR_NO_MEMORY;
}

static void zookeeper_close_target(struct target *t)
{
    if (t == NULL)
        return;
    assert(list_is_empty(&t->clients));
    pthread_mutex_lock(&t->mailbox_lock);
    t->stopping = true;
    pthread_mutex_unlock(&t->mailbox_lock);
    poller_wake(t);
    pthread_join(t->poller, NULL);
    pthread_mutex_lock(&t->mailbox_lock);
    while (t->closing > 0)
        pthread_cond_wait(&t->closed_one, &t->mailbox_lock);
    pthread_mutex_unlock(&t->mailbox_lock);
    pthread_cond_destroy(&t->closed_one);
    while (!list_is_empty(&t->closed)) {
        struct target_client *c = LIST_ENTRY(t->closed.next, struct target_client, link);
        list_remove(&c->link);
        mem_free(c);
    }
    close(t->wake);
    close(t->epoll);
    pthread_mutex_destroy(&t->mailbox_lock);
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

/* The poller looks after time itself. */
static void zookeeper_tick(struct target *t)
{
    (void)t;
}

const struct target_kind target_zookeeper = {
    .name = "zookeeper",
    .attempt_timeout_ms = TARGET_ATTEMPT_TIMEOUT_MS,
    .open = zookeeper_open,
    .close = zookeeper_close_target,
    .client_open = zookeeper_client_open,
    .client_close = zookeeper_client_close,
    .submit = zookeeper_client_submit,
    .tick = zookeeper_tick,
};
