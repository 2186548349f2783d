/*
 * history_load.c -- clients that write down what they see, while somebody else breaks the cluster.
 *
 *     history-load --endpoints A,B,C --seconds S [--clients N] [--keys N] [--pause-us U]
 *                  [--timeout-ms T] [--pin] [--seed S] [--history FILE]
 *
 * N clients, each with a session of its own, read, put, append, compare-and-set and delete a few
 * keys for S seconds; client i begins at endpoint i and fails over, or stays there with --pin.
 * After each PERIOD_MS all begin anew, each at the next endpoint (but not with --pin), with other
 * keys, so that values stay short and the checks quick. When time is up, or SIGTERM says so, all
 * keys are read once more, through any endpoint; then the history must be linearizable, its
 * revisions must hold together, and every append must have taken effect once.
 *
 * Stdout gets one JSON object: how many operations ended how, the longest time without an answer
 * anywhere, and per node how many it answered and the longest time without one of its answers.
 * Exit codes: 0 all is well, 1 error, 2 usage, 4 the keys could not be read at the end, 8 the
 * history is wrong (stderr says where).
 */
#define _GNU_SOURCE
#include <assert.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/prng.h"
#include "dkv/dkv.h"
#include "history/exactly_once.h"
#include "history/history.h"
#include "history/history_json.h"
#include "history/linearizable.h"
#include "history/revisions.h"

#define CLIENTS_MAX 256
#define KEYS_MAX 64
#define NODES_MAX 10 /* Ids 1 to 9; 0 stands for the cluster as a whole. */
#define ENDPOINTS_MAX 9
#define PERIOD_MS 2000
#define KEY_SIZE 48
#define VALUE_SIZE 32
#define FINAL_TIMEOUT_MS 20000
#define MS_NS UINT64_C(1000000)

#define EXIT_ERROR 1
#define EXIT_USAGE 2
#define EXIT_UNAVAILABLE 4
#define EXIT_WRONG 8

struct options {
    const char *endpoints;
    const char *history;
    uint32_t seconds;
    uint32_t clients;
    uint32_t keys;
    uint32_t pause_us; /* Between two operations of a client, on average. */
    uint32_t timeout_ms;
    bool pin;
    uint64_t seed;
};

/* When answers came from one place. */
struct watch {
    uint64_t answers;
    uint64_t last_ns;
    uint64_t gap_ns; /* Longest time without one, from begin to end. */
};

struct load {
    struct options options;
    char *endpoints[ENDPOINTS_MAX];
    uint32_t endpoints_count;
    struct dkv_io *io;
    uint64_t run; /* Makes the keys fresh. */
    uint64_t begin_ns;
    _Atomic uint64_t end_ns; /* A signal may bring it forward. */

    pthread_mutex_t lock; /* Of what follows. */
    struct history history;
    struct watch watches[NODES_MAX];
    uint64_t outcomes[3]; /* By enum history_outcome. */
    uint64_t surprises;   /* Answers that nothing here explains. */
};

struct client {
    struct load *load;
    uint32_t id;
    pthread_t thread;
    struct dkv_client *dkv;
    struct prng prng;
    uint64_t tokens;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 * MS_NS + (uint64_t)t.tv_nsec;
}

/* Of the only load there is, for the handler of SIGTERM. */
static struct load load_only;

static void on_sigterm(int number)
{
    (void)number;
    uint64_t now = now_ns();
    if (now < load_only.end_ns)
        load_only.end_ns = now;
}

static void die(const char *what)
{
    fprintf(stderr, "history-load: %s\n", what);
    exit(EXIT_ERROR);
}

static struct bytes bytes_from(struct dkv_bytes b)
{
    return (struct bytes){.data = b.data, .size = b.size};
}

static struct dkv_bytes dkv_text(const char *text)
{
    return (struct dkv_bytes){.data = text, .size = strlen(text)};
}

/* ---- Writing down -------------------------------------------------------------------------- */

static void watch_answer(struct watch *w, uint64_t at_ns)
{
    if (at_ns > w->last_ns && at_ns - w->last_ns > w->gap_ns)
        w->gap_ns = at_ns - w->last_ns;
    if (at_ns > w->last_ns)
        w->last_ns = at_ns;
    w->answers++;
}

/* The end of the load is the end of the last gap. */
static void watch_stop(struct watch *w, uint64_t end)
{
    if (end > w->last_ns && end - w->last_ns > w->gap_ns)
        w->gap_ns = end - w->last_ns;
}

static enum history_outcome outcome_of(struct load *load, const struct dkv_answer *a)
{
    switch (a->status) {
    case DKV_OK:
        return HISTORY_OK;
    case DKV_UNAVAILABLE:
    case DKV_BUSY:
        return HISTORY_FAIL;
    case DKV_UNKNOWN:
        return HISTORY_UNKNOWN;
    case DKV_INVALID:
    case DKV_STALE:
    case DKV_EXPIRED:
    case DKV_MISMATCH:
    case DKV_TOO_LARGE:
    case DKV_DENIED:
    case DKV_UNSUPPORTED:
    case DKV_FAILED:
    case DKV_NO_MEMORY:
        break;
    }
    fprintf(stderr, "history-load: unexpected answer: %s: %s\n", dkv_status_text(a->status),
            a->text);
    load->surprises++;
    return HISTORY_UNKNOWN;
}

/* What the answer tells, in the words of history.h. Times are set by the caller. */
static struct history_answer answer_of(struct load *load, enum history_kind kind,
                                       const struct dkv_answer *a)
{
    struct history_answer h = {.outcome = outcome_of(load, a), .node = a->node};
    if (h.outcome != HISTORY_OK)
        return h;
    h.slot = a->slot;
    h.revision = a->revision;
    h.applied = kind == HISTORY_CAS && a->applied;
    if (kind != HISTORY_GET && a->omitted)
        return h; /* A repeat, whose values were too long to keep. */
    h.has_found = true;
    h.found = a->found;
    if (kind == HISTORY_GET || kind == HISTORY_APPEND) {
        h.has_output = a->has_value;
        h.output = bytes_from(a->value);
    } else {
        h.has_output = a->has_previous && a->found;
        h.output = h.has_output ? bytes_from(a->previous) : (struct bytes){0};
    }
    return h;
}

static enum history_kind history_kind_of(enum dkv_kind kind)
{
    switch (kind) {
    case DKV_GET:
        return HISTORY_GET;
    case DKV_PUT:
        return HISTORY_PUT;
    case DKV_APPEND:
        return HISTORY_APPEND;
    case DKV_DELETE:
        return HISTORY_DELETE;
    case DKV_CAS:
        break;
    }
    return HISTORY_CAS;
}

/* Do op, and write down how it went. The answer is the caller's to finish. */
static void client_do(struct client *c, const struct dkv_op *op, struct dkv_answer *answer)
{
    struct load *load = c->load;
    enum history_kind kind = history_kind_of(op->kind);
    struct history_call call = {
        .client = c->id,
        .kind = kind,
        .key = bytes_from(op->key),
        .value = bytes_from(op->value),
        .expect_found = op->expect == DKV_EXPECT_VALUE,
        .expect = bytes_from(op->expected),
        .client_id = bytes_from(dkv_client_id(c->dkv)),
    };
    call.call_ns = now_ns();
    dkv_execute(c->dkv, op, answer);
    uint64_t return_ns = now_ns();

    pthread_mutex_lock(&load->lock);
    struct history_op done = {.call = call, .answer = answer_of(load, kind, answer)};
    done.call.op_id = answer->op_id;
    if (done.call.op_id == 0)
        done.call.client_id = (struct bytes){0};
    done.answer.return_ns = done.answer.outcome == HISTORY_UNKNOWN ? HISTORY_NEVER : return_ns;
    if (!history_op_is_valid(&done) || history_add(&load->history, &done) != 0)
        die("an operation cannot be written down");
    load->outcomes[done.answer.outcome]++;
    if (done.answer.outcome == HISTORY_OK && return_ns <= load->end_ns) {
        assert(answer->node < NODES_MAX);
        watch_answer(&load->watches[0], return_ns);
        watch_answer(&load->watches[answer->node], return_ns);
    }
    pthread_mutex_unlock(&load->lock);
}

/* ---- Clients ------------------------------------------------------------------------------- */

static uint64_t load_period(const struct load *load)
{
    return (now_ns() - load->begin_ns) / (PERIOD_MS * MS_NS);
}

static void key_name(const struct load *load, uint64_t period, bool appends_only, uint64_t number,
                     char out[KEY_SIZE])
{
    snprintf(out, KEY_SIZE, "%llx/%llu/%c%llu", (unsigned long long)load->run,
             (unsigned long long)period, appends_only ? 'a' : 'r', (unsigned long long)number);
}

/* A value that nobody else writes; none is the beginning of another one. */
static void client_token(struct client *c, char out[VALUE_SIZE])
{
    snprintf(out, VALUE_SIZE, "%u.%llu;", (unsigned)c->id, (unsigned long long)++c->tokens);
}

static void client_simple(struct client *c, enum dkv_kind kind, const char *key)
{
    char value[VALUE_SIZE];
    struct dkv_answer answer;
    struct dkv_op op = {.kind = kind, .key = dkv_text(key)};
    if (kind == DKV_PUT || kind == DKV_APPEND) {
        client_token(c, value);
        op.value = dkv_text(value);
    }
    op.want_previous = kind != DKV_GET && prng_chance(&c->prng, 500000);
    client_do(c, &op, &answer);
    dkv_answer_fini(&answer);
}

/* Read, and replace what was read: half of the time somebody else comes in between. */
static void client_replace(struct client *c, const char *key)
{
    char value[VALUE_SIZE];
    struct dkv_answer seen;
    struct dkv_answer answer;
    const struct dkv_op get = {.kind = DKV_GET, .key = dkv_text(key)};
    client_do(c, &get, &seen);
    if (seen.status == DKV_OK) {
        client_token(c, value);
        struct dkv_op cas = {.kind = DKV_CAS, .key = dkv_text(key), .value = dkv_text(value)};
        cas.expect = seen.found ? DKV_EXPECT_VALUE : DKV_EXPECT_ABSENT;
        if (seen.found)
            cas.expected = seen.value;
        client_do(c, &cas, &answer);
        dkv_answer_fini(&answer);
    }
    dkv_answer_fini(&seen);
}

static void client_step(struct client *c)
{
    struct load *load = c->load;
    char key[KEY_SIZE];
    bool appends_only = prng_chance(&c->prng, 300000);
    key_name(load, load_period(load), appends_only, prng_below(&c->prng, load->options.keys), key);
    uint64_t dice = prng_below(&c->prng, 100);
    if (dice < 35)
        client_simple(c, DKV_GET, key);
    else if (appends_only || dice < 45)
        client_simple(c, DKV_APPEND, key);
    else if (dice < 70)
        client_simple(c, DKV_PUT, key);
    else if (dice < 80)
        client_simple(c, DKV_DELETE, key);
    else
        client_replace(c, key);
}

/* With a new session, the endpoint of number `first` before the others. */
static void client_open(struct client *c, uint64_t first)
{
    struct load *load = c->load;
    char endpoints[1024] = "";
    uint32_t count = load->options.pin ? 1 : load->endpoints_count;
    for (uint32_t i = 0; i < count; i++) {
        size_t used = strlen(endpoints);
        snprintf(endpoints + used, sizeof(endpoints) - used, "%s%s", i > 0 ? "," : "",
                 load->endpoints[(first + i) % load->endpoints_count]);
    }
    const struct dkv_options options = {
        .endpoints = endpoints,
        .io = load->io,
        .timeout_ms = load->options.timeout_ms,
    };
    if (dkv_open(&options, &c->dkv) != DKV_OK)
        die("a client cannot be opened: check --endpoints");
}

static void *client_run(void *context)
{
    struct client *c = context;
    struct load *load = c->load;
    uint64_t period = 0;
    while (now_ns() < load->end_ns) {
        if (!load->options.pin && load_period(load) != period) {
            period = load_period(load);
            dkv_close(c->dkv);
            client_open(c, c->id + period);
        }
        client_step(c);
        uint64_t pause_ns = prng_below(&c->prng, 2 * load->options.pause_us + 1) * 1000;
        struct timespec t = {.tv_sec = 0, .tv_nsec = (long)(pause_ns % (1000 * MS_NS))};
        nanosleep(&t, NULL);
    }
    return NULL;
}

static void client_init(struct client *c, struct load *load, uint32_t id)
{
    *c = (struct client){.load = load, .id = id};
    prng_init(&c->prng, load->options.seed * CLIENTS_MAX + id);
    client_open(c, id);
}

/* ---- Checks -------------------------------------------------------------------------------- */

static void complain(const struct load *load, const char *what, size_t index)
{
    struct buf line = {0};
    fprintf(stderr, "history-load: %s\n", what);
    if (index < load->history.count && history_json_write(&load->history.ops[index], &line) == 0)
        fprintf(stderr, "  %.*s", (int)(line.size < 2000 ? line.size : 2000), line.data);
    buf_fini(&line);
}

/* Read a key when all is over, and check its appends if it has nothing else. */
static int check_key(struct client *reader, const char *key, bool appends_only)
{
    struct load *load = reader->load;
    struct dkv_answer answer;
    const struct dkv_op get = {
        .kind = DKV_GET, .key = dkv_text(key), .timeout_ms = FINAL_TIMEOUT_MS};
    client_do(reader, &get, &answer);
    int status = 0;
    if (answer.status != DKV_OK) {
        fprintf(stderr, "history-load: %s cannot be read at the end: %s\n", key, answer.text);
        status = EXIT_UNAVAILABLE;
    } else if (appends_only) {
        struct exactly_once_report report;
        struct bytes value = answer.found ? bytes_from(answer.value) : (struct bytes){0};
        if (exactly_once_check(&load->history, bytes_from(get.key), value, &report) != 0)
            die("appends cannot be checked");
        if (report.fault != EXACTLY_ONCE_FINE) {
            complain(load, exactly_once_text(report.fault), report.op);
            fprintf(stderr, "  at offset %zu of key %s: %.*s\n", report.offset, key,
                    (int)(value.size < 2000 ? value.size : 2000), (const char *)value.data);
            status = EXIT_WRONG;
        }
    }
    dkv_answer_fini(&answer);
    return status;
}

static int check_keys(struct client *reader)
{
    struct load *load = reader->load;
    uint64_t last = (load->end_ns - load->begin_ns) / (PERIOD_MS * MS_NS);
    for (uint64_t period = 0; period <= last; period++) {
        for (uint32_t i = 0; i < 2 * load->options.keys; i++) {
            char key[KEY_SIZE];
            key_name(load, period, i % 2 == 0, i / 2, key);
            int status = check_key(reader, key, i % 2 == 0);
            if (status != 0)
                return status;
        }
    }
    return 0;
}

static int check_history(struct load *load)
{
    struct revisions_report revisions;
    if (revisions_check(&load->history, &revisions) != 0)
        die("no memory to check the revisions");
    if (revisions.fault != REVISIONS_FINE) {
        complain(load, revisions_text(revisions.fault), revisions.first);
        complain(load, "and this one:", revisions.second);
        return EXIT_WRONG;
    }
    struct linearizable_report report;
    if (linearizable_check(&load->history, &linearizable_budget_default, &report) != 0)
        die("no memory to check the history");
    if (report.verdict == LINEARIZABLE_UNDECIDED)
        die("the history is too tangled to be checked");
    if (report.verdict == LINEARIZABLE_YES)
        return 0;
    complain(load, "not linearizable: no order explains this answer", report.op);
    if (report.writer != LINEARIZABLE_NOBODY)
        complain(load, "the last write that explains what came before it:", report.writer);
    return EXIT_WRONG;
}

static void history_save(const struct load *load)
{
    FILE *file = fopen(load->options.history, "w");
    if (file == NULL)
        die("the file of --history cannot be written");
    struct buf line = {0};
    for (size_t i = 0; i < load->history.count; i++) {
        buf_clear(&line);
        if (history_json_write(&load->history.ops[i], &line) != 0 ||
            fwrite(line.data, 1, line.size, file) != line.size)
            die("the history cannot be written");
    }
    buf_fini(&line);
    if (fclose(file) != 0)
        die("the history cannot be written");
}

/* ---- The whole ----------------------------------------------------------------------------- */

static void print_report(struct load *load)
{
    printf("{\"ops\":%zu,\"ok\":%llu,\"fail\":%llu,\"unknown\":%llu", load->history.count,
           (unsigned long long)load->outcomes[HISTORY_OK],
           (unsigned long long)load->outcomes[HISTORY_FAIL],
           (unsigned long long)load->outcomes[HISTORY_UNKNOWN]);
    printf(",\"gap_ms\":%llu,\"nodes\":{", (unsigned long long)(load->watches[0].gap_ns / MS_NS));
    bool first = true;
    for (uint32_t i = 1; i < NODES_MAX; i++) {
        const struct watch *w = &load->watches[i];
        if (w->answers == 0)
            continue;
        printf("%s\"%u\":{\"answers\":%llu,\"gap_ms\":%llu}", first ? "" : ",", (unsigned)i,
               (unsigned long long)w->answers, (unsigned long long)(w->gap_ns / MS_NS));
        first = false;
    }
    puts("}}");
}

static void load_run(struct load *load, struct client *clients)
{
    uint32_t count = load->options.clients;
    for (uint32_t i = 0; i < count; i++)
        client_init(&clients[i], load, i);
    load->begin_ns = now_ns();
    load->end_ns = load->begin_ns + (uint64_t)load->options.seconds * 1000 * MS_NS;
    signal(SIGTERM, on_sigterm);
    for (uint32_t i = 0; i < NODES_MAX; i++)
        load->watches[i].last_ns = load->begin_ns;
    for (uint32_t i = 0; i < count; i++)
        if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) != 0)
            die("a thread cannot be started");
    for (uint32_t i = 0; i < count; i++)
        pthread_join(clients[i].thread, NULL);
    for (uint32_t i = 0; i < NODES_MAX; i++)
        watch_stop(&load->watches[i], load->end_ns);
    for (uint32_t i = 0; i < count; i++)
        dkv_close(clients[i].dkv);
}

static bool number_take(const char *text, uint32_t low, uint32_t high, uint32_t *out)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < low || number > high)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool options_take(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"endpoints", required_argument, NULL, 'e'},
        {"seconds", required_argument, NULL, 's'},
        {"clients", required_argument, NULL, 'c'},
        {"keys", required_argument, NULL, 'k'},
        {"pause-us", required_argument, NULL, 'u'},
        {"timeout-ms", required_argument, NULL, 't'},
        {"history", required_argument, NULL, 'h'},
        {"seed", required_argument, NULL, 'r'},
        {"pin", no_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    uint32_t seed = (uint32_t)now_ns();
    bool fine = true;
    int letter;
    while (fine && (letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (letter) {
        case 'e':
            o->endpoints = optarg;
            break;
        case 's':
            fine = number_take(optarg, 1, 3600, &o->seconds);
            break;
        case 'c':
            fine = number_take(optarg, 1, CLIENTS_MAX - 1, &o->clients);
            break;
        case 'k':
            fine = number_take(optarg, 1, KEYS_MAX, &o->keys);
            break;
        case 'u':
            fine = number_take(optarg, 0, 400000, &o->pause_us);
            break;
        case 't':
            fine = number_take(optarg, 1, 60000, &o->timeout_ms);
            break;
        case 'h':
            o->history = optarg;
            break;
        case 'r':
            fine = number_take(optarg, 0, UINT32_MAX, &seed);
            break;
        case 'p':
            o->pin = true;
            break;
        default:
            fine = false;
            break;
        }
    }
    o->seed = seed;
    return fine && optind == argc && o->endpoints != NULL && o->seconds > 0;
}

static void endpoints_split(struct load *load, char *text)
{
    char *rest = text;
    char *one;
    while ((one = strsep(&rest, ",")) != NULL) {
        if (load->endpoints_count == ENDPOINTS_MAX)
            die("too many endpoints");
        load->endpoints[load->endpoints_count++] = one;
    }
}

int main(int argc, char **argv)
{
    struct load *load = &load_only;
    static struct client clients[CLIENTS_MAX];
    load->options = (struct options){.clients = 8, .keys = 3, .pause_us = 2000, .timeout_ms = 5000};
    if (!options_take(argc, argv, &load->options)) {
        fputs("usage: history-load --endpoints A,B,C --seconds S; the head of its source has all\n",
              stderr);
        return EXIT_USAGE;
    }
    char *endpoints = strdup(load->options.endpoints);
    if (endpoints == NULL)
        die("no memory");
    endpoints_split(load, endpoints);
    pthread_mutex_init(&load->lock, NULL);
    history_init(&load->history);
    load->run = now_ns();
    if (dkv_io_open(&load->io) != DKV_OK)
        die("the client library cannot be opened");

    load_run(load, clients);
    load->options.pin = false;
    struct client *reader = &clients[load->options.clients];
    client_init(reader, load, load->options.clients);
    int status = check_keys(reader);
    dkv_close(reader->dkv);
    if (load->options.history != NULL)
        history_save(load);
    if (status == 0)
        status = check_history(load);
    if (status == 0 && load->surprises > 0)
        status = EXIT_ERROR;
    print_report(load);

    dkv_io_close(load->io);
    history_fini(&load->history);
    free(endpoints);
    return status;
}
