/* cluster.c -- see cluster.h. */
#define _GNU_SOURCE
#include "cli/scenarios/cluster.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/scenarios/moment.h"
#include "cli/scenarios/ports.h"
#include "cli/scenarios/process.h"
#include "cli/scenarios/tree.h"

#define STARTS_MAX 3 /* How often other ports are tried. */
#define STOP_TIMEOUT_MS 10000
#define READY_POLL_MS 20
#define PEERS_SIZE_MAX 512
#define FILE_SIZE_MAX (PATH_MAX + 32)

struct cluster_node {
    pid_t pid; /* 0: not running. */
    bool paused;
    char address[CLUSTER_ADDRESS_SIZE_MAX];
};

struct cluster {
    struct cluster_options options;
    char binary[PATH_MAX];
    char directory[PATH_MAX]; /* Empty: not made. */
    pthread_mutex_t lock;     /* Of the processes and of the directory's life. */
    struct cluster_node nodes[CLUSTER_NODES_MAX];
};

/* ---- What things are called ---------------------------------------------------------------- */

uint32_t cluster_nodes(const struct cluster *c)
{
    return c->options.nodes;
}

const char *cluster_address(const struct cluster *c, uint32_t node)
{
    assert(node < c->options.nodes);
    return c->nodes[node].address;
}

const char *cluster_directory(const struct cluster *c)
{
    return c->directory;
}

static void log_path(const struct cluster *c, uint32_t node, char out_path[FILE_SIZE_MAX])
{
    snprintf(out_path, FILE_SIZE_MAX, "%s/node-%u.log", c->directory, (unsigned)node + 1);
}

void cluster_print_logs(struct cluster *c, FILE *out, uint32_t lines)
{
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        char path[FILE_SIZE_MAX];
        log_path(c, i, path);
        fprintf(out, "the end of node %u's log:\n", (unsigned)i + 1);
        tree_print_tail(path, "    ", lines, out);
    }
}

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

int cluster_find_binary(const char *given, char *out_path, size_t size,
                        char out_text[CLUSTER_TEXT_SIZE_MAX])
{
    if (given == NULL)
        given = getenv("DKV_NODE");
    if (given != NULL && *given != '\0') {
        snprintf(out_path, size, "%s", given);
        if (is_program(given))
            return 0;
        snprintf(out_text, CLUSTER_TEXT_SIZE_MAX, "there is no program %.900s", given);
        return ERR_NOT_FOUND;
    }
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = '\0';
    static const char *const places[] = {"../src/dkv-node", "dkv-node"};
    for (size_t i = 0; i < 2; i++) {
        int n = snprintf(out_path, size, "%s/%s", self, places[i]);
        if (n > 0 && (size_t)n < size && is_program(out_path))
            return 0;
    }
    snprintf(out_text, CLUSTER_TEXT_SIZE_MAX,
             "there is no dkv-node beside this program: say where it is with --node-binary PATH "
             "or DKV_NODE");
    return ERR_NOT_FOUND;
}

/* ---- One node ------------------------------------------------------------------------------ */

static void peers_text(const struct cluster *c, uint32_t node, char out_text[PEERS_SIZE_MAX])
{
    size_t size = 0;
    out_text[0] = '\0';
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        if (i == node)
            continue;
        size += (size_t)snprintf(out_text + size, PEERS_SIZE_MAX - size, "%s%u=%s",
                                 size > 0 ? "," : "", (unsigned)i + 1, c->nodes[i].address);
        assert(size < PEERS_SIZE_MAX);
    }
}

static int node_start(struct cluster *c, uint32_t node, char *out_text)
{
    char id[12];
    char peers[PEERS_SIZE_MAX];
    char data[FILE_SIZE_MAX];
    char log[FILE_SIZE_MAX];
    snprintf(id, sizeof(id), "%u", (unsigned)node + 1);
    peers_text(c, node, peers);
    snprintf(data, sizeof(data), "%s/node-%s", c->directory, id);
    log_path(c, node, log);
    const char *arguments[] = {c->binary,
                               "--id",
                               id,
                               "--addr",
                               c->nodes[node].address,
                               "--data-dir",
                               data,
                               "--enable-fault-injection",
                               peers[0] != '\0' ? "--peers" : NULL,
                               peers,
                               NULL};
    pthread_mutex_lock(&c->lock);
    assert(c->nodes[node].pid == 0);
    int err = process_start(arguments, log, &c->nodes[node].pid);
    int reason = errno;
    c->nodes[node].paused = false;
    pthread_mutex_unlock(&c->lock);
    if (err != 0)
        snprintf(out_text, CLUSTER_TEXT_SIZE_MAX, "cannot start %.900s: %s", c->binary,
                 err == ERR_IO ? strerror(reason) : err_text(err));
    return err;
}

/* Its own last words, from its log. */
static void text_add_log(const struct cluster *c, uint32_t node, char *text)
{
    char path[FILE_SIZE_MAX];
    log_path(c, node, path);
    size_t size = strlen(text);
    FILE *out = fmemopen(text + size, CLUSTER_TEXT_SIZE_MAX - size, "w");
    if (out == NULL)
        return;
    fputs("; its last words:\n", out);
    tree_print_tail(path, "    ", 5, out);
    fclose(out);
    text[CLUSTER_TEXT_SIZE_MAX - 1] = '\0';
}

static int node_has_ended(struct cluster *c, uint32_t node, char *out_text)
{
    int status = 0;
    pthread_mutex_lock(&c->lock);
    bool ended = c->nodes[node].pid == 0 || process_has_ended(c->nodes[node].pid, &status);
    if (ended)
        c->nodes[node].pid = 0;
    pthread_mutex_unlock(&c->lock);
    if (!ended)
        return 0;
    int n = snprintf(out_text, CLUSTER_TEXT_SIZE_MAX, "node %u ended with %s %d",
                     (unsigned)node + 1, WIFEXITED(status) ? "code" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    assert(n > 0);
    text_add_log(c, node, out_text);
    return ERR_IO;
}

static int node_await(struct cluster *c, uint32_t node, char *out_text)
{
    uint64_t until_ns = moment_now_ns() + c->options.ready_timeout_ms * MOMENT_MS;
    do {
        TRY(node_has_ended(c, node, out_text));
        if (c->options.is_ready(c->options.context, c->nodes[node].address))
            return 0;
        moment_sleep_ms(READY_POLL_MS);
    } while (moment_now_ns() < until_ns);
    snprintf(out_text, CLUSTER_TEXT_SIZE_MAX, "node %u is not ready after %u ms",
             (unsigned)node + 1, (unsigned)c->options.ready_timeout_ms);
    text_add_log(c, node, out_text);
    return ERR_TIMEOUT;
}

int cluster_restart(struct cluster *c, uint32_t node, char out_text[CLUSTER_TEXT_SIZE_MAX])
{
    assert(node < c->options.nodes);
    TRY(node_start(c, node, out_text));
    int err = node_await(c, node, out_text);
    if (err != 0)
        cluster_kill(c, node);
    return err;
}

pid_t cluster_pid(struct cluster *c, uint32_t node)
{
    assert(node < c->options.nodes);
    pthread_mutex_lock(&c->lock);
    pid_t pid = c->nodes[node].pid;
    pthread_mutex_unlock(&c->lock);
    return pid;
}

/* With the lock held. */
static void node_kill(struct cluster_node *n)
{
    if (n->pid == 0)
        return;
    int status;
    kill(n->pid, SIGKILL);
    process_wait(n->pid, -1, &status);
    n->pid = 0;
}

void cluster_kill(struct cluster *c, uint32_t node)
{
    assert(node < c->options.nodes);
    pthread_mutex_lock(&c->lock);
    node_kill(&c->nodes[node]);
    pthread_mutex_unlock(&c->lock);
}

static void node_signal(struct cluster *c, uint32_t node, int signo, bool paused)
{
    assert(node < c->options.nodes);
    pthread_mutex_lock(&c->lock);
    struct cluster_node *n = &c->nodes[node];
    if (n->pid != 0 && kill(n->pid, signo) == 0)
        n->paused = paused;
    pthread_mutex_unlock(&c->lock);
}

void cluster_pause(struct cluster *c, uint32_t node)
{
    node_signal(c, node, SIGSTOP, true);
}

void cluster_resume(struct cluster *c, uint32_t node)
{
    node_signal(c, node, SIGCONT, false);
}

/* ---- All of them --------------------------------------------------------------------------- */

static int start_all(struct cluster *c, char *out_text)
{
    uint16_t ports[CLUSTER_NODES_MAX];
    int err = ports_find(c->options.nodes, ports);
    if (err != 0) {
        snprintf(out_text, CLUSTER_TEXT_SIZE_MAX, "no free ports on 127.0.0.1");
        return err;
    }
    for (uint32_t i = 0; i < c->options.nodes; i++)
        snprintf(c->nodes[i].address, CLUSTER_ADDRESS_SIZE_MAX, "127.0.0.1:%u", (unsigned)ports[i]);
    if (tree_make(c->directory, sizeof(c->directory)) != 0) {
        snprintf(out_text, CLUSTER_TEXT_SIZE_MAX, "cannot make %.900s: %s", c->directory,
                 strerror(errno));
        c->directory[0] = '\0';
        return ERR_IO;
    }
    for (uint32_t i = 0; i < c->options.nodes; i++)
        TRY(node_start(c, i, out_text));
    for (uint32_t i = 0; i < c->options.nodes; i++)
        TRY(node_await(c, i, out_text));
    return 0;
}

/* With the lock held. */
static void wreck(struct cluster *c)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        node_kill(&c->nodes[i]);
    if (c->directory[0] == '\0')
        return;
    if (c->options.keep)
        fprintf(stderr, "data and logs are kept in %s\n", c->directory);
    else if (tree_remove(c->directory) != 0)
        fprintf(stderr, "cannot remove %s: %s\n", c->directory, strerror(errno));
    c->directory[0] = '\0';
}

/* Somebody was quicker: does one of the ports that were free have a listener by now? */
static bool is_about_ports(const char *text)
{
    return strstr(text, "in use") != NULL;
}

int cluster_new(const struct cluster_options *options, struct cluster **out_cluster)
{
    assert(options->nodes >= 1 && options->nodes <= CLUSTER_NODES_MAX);
    struct cluster *c = mem_alloc_zero(sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    c->options = *options;
    pthread_mutex_init(&c->lock, NULL);
    *out_cluster = c;
    return 0;
}

int cluster_start(struct cluster *c, char out_text[CLUSTER_TEXT_SIZE_MAX])
{
    assert(c->directory[0] == '\0');
    int err = cluster_find_binary(c->options.node_binary, c->binary, sizeof(c->binary), out_text);
    for (int starts = 0; err == 0 && starts < STARTS_MAX; starts++) {
        err = start_all(c, out_text);
        if (err == 0)
            return 0;
        pthread_mutex_lock(&c->lock);
        wreck(c);
        pthread_mutex_unlock(&c->lock);
        if (starts + 1 < STARTS_MAX && is_about_ports(out_text))
            err = 0;
    }
    return err;
}

void cluster_wreck(struct cluster *c)
{
    /* Never unlocked again: nothing may be started behind our back. */
    pthread_mutex_lock(&c->lock);
    wreck(c);
}

/* With the lock held; the nodes got their SIGTERM. True: it ended by itself, and all was well. */
static bool node_join(struct cluster_node *n)
{
    int status = -1;
    bool ended = process_wait(n->pid, STOP_TIMEOUT_MS, &status);
    if (!ended)
        node_kill(n);
    n->pid = 0;
    return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

uint32_t cluster_stop(struct cluster *c)
{
    uint32_t unclean = 0;
    pthread_mutex_lock(&c->lock);
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct cluster_node *n = &c->nodes[i];
        if (n->pid == 0)
            continue;
        kill(n->pid, SIGTERM);
        if (n->paused)
            kill(n->pid, SIGCONT); /* Only then it can obey. */
    }
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->nodes[i].pid != 0 && !node_join(&c->nodes[i]))
            unclean++;
    pthread_mutex_unlock(&c->lock);
    return unclean;
}

void cluster_close(struct cluster *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    wreck(c);
    pthread_mutex_unlock(&c->lock);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}
