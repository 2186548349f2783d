/*
 * history_load.c -- clients that write down what they see, while somebody else breaks the cluster.
 *
 *     history-load --endpoints A,B,C --seconds S [--clients N] [--keys N] [--pause-us U]
 *                  [--timeout-ms T] [--pin] [--seed S] [--history FILE]
 *
 * N clients, each with a session of its own, read, put, append, compare-and-set and delete a few
 * keys for S seconds; half of the reads go through the log, half ask a majority. Client i begins at
 * endpoint i and fails over, or stays there with --pin. After each LOAD_PERIOD_MS all begin anew,
 * each at the next endpoint (but not with --pin), with other keys, so that values stay short and
 * the checks quick. When time is up, or SIGTERM says so, all keys are read once more, through any
 * endpoint; then the history must be linearizable, its revisions must hold together, and every
 * append must have taken effect once.
 *
 * Stdout gets one JSON object: how many operations ended how, how many reads of each kind were
 * answered (the history does not tell them apart: both are linearizable), the longest time without
 * an answer anywhere, and per node how many it answered and the longest time without one of its
 * answers.
 * Exit codes: 0 all is well, 1 error, 2 usage, 4 the keys could not be read at the end, 8 the
 * history is wrong (stderr says where).
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "history/history_json.h"
#include "load.h"
#include "load_check.h"
#include "load_client.h"

#define KEYS_MAX 64

/* Of the only load there is, for the handler of SIGTERM. */
static struct load load_only;

static void on_sigterm(int number)
{
    (void)number;
    uint64_t now = load_now_ns(); /* NOLINT(bugprone-signal-handler): it only asks the clock. */
    if (now < load_only.end_ns)
        load_only.end_ns = now;
}

static void history_save(const struct load *load)
{
    FILE *file = fopen(load->options.history, "w");
    if (file == NULL)
        load_die("the file of --history cannot be written");
    struct buf line = {0};
    for (size_t i = 0; i < load->history.count; i++) {
        buf_clear(&line);
        if (history_json_write(&load->history.ops[i], &line) != 0 ||
            fwrite(line.data, 1, line.size, file) != line.size)
            load_die("the history cannot be written");
    }
    buf_fini(&line);
    if (fclose(file) != 0)
        load_die("the history cannot be written");
}

static void print_report(struct load *load)
{
    printf("{\"ops\":%zu,\"ok\":%llu,\"fail\":%llu,\"unknown\":%llu", load->history.count,
           (unsigned long long)load->outcomes[HISTORY_OK],
           (unsigned long long)load->outcomes[HISTORY_FAIL],
           (unsigned long long)load->outcomes[HISTORY_UNKNOWN]);
    printf(",\"gets\":{\"barrier\":%llu,\"quorum\":%llu}", (unsigned long long)load->barrier_gets,
           (unsigned long long)load->quorum_gets);
    printf(",\"gap_ms\":%llu,\"nodes\":{", (unsigned long long)(load->watches[0].gap_ns / MS_NS));
    bool first = true;
    for (uint32_t i = 1; i < LOAD_NODES_MAX; i++) {
        const struct load_watch *w = &load->watches[i];
        if (w->answers == 0)
            continue;
        printf("%s\"%u\":{\"answers\":%llu,\"gap_ms\":%llu}", first ? "" : ",", (unsigned)i,
               (unsigned long long)w->answers, (unsigned long long)(w->gap_ns / MS_NS));
        first = false;
    }
    puts("}}");
}

static void load_run(struct load *load, struct load_client *clients)
{
    uint32_t count = load->options.clients;
    for (uint32_t i = 0; i < count; i++)
        load_client_init(&clients[i], load, i);
    load_watch_begin(load);
    load->end_ns = load->begin_ns + (uint64_t)load->options.seconds * 1000 * MS_NS;
    signal(SIGTERM, on_sigterm);
    for (uint32_t i = 0; i < count; i++)
        if (pthread_create(&clients[i].thread, NULL, load_client_run, &clients[i]) != 0)
            load_die("a thread cannot be started");
    for (uint32_t i = 0; i < count; i++)
        pthread_join(clients[i].thread, NULL);
    load_watch_end(load);
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

static bool options_take(int argc, char **argv, struct load_options *o)
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
    uint32_t seed = (uint32_t)load_now_ns();
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
            fine = number_take(optarg, 1, LOAD_CLIENTS_MAX - 1, &o->clients);
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
        if (load->endpoints_count == LOAD_ENDPOINTS_MAX)
            load_die("too many endpoints");
        load->endpoints[load->endpoints_count++] = one;
    }
}

int main(int argc, char **argv)
{
    struct load *load = &load_only;
    static struct load_client clients[LOAD_CLIENTS_MAX];
    load->options =
        (struct load_options){.clients = 8, .keys = 3, .pause_us = 2000, .timeout_ms = 5000};
    if (!options_take(argc, argv, &load->options)) {
        fputs("usage: history-load --endpoints A,B,C --seconds S; the head of its source has all\n",
              stderr);
        return EXIT_USAGE;
    }
    char *endpoints = strdup(load->options.endpoints);
    if (endpoints == NULL)
        load_die("no memory");
    endpoints_split(load, endpoints);
    pthread_mutex_init(&load->lock, NULL);
    history_init(&load->history);
    load->run = load_now_ns();
    if (dkv_io_open(&load->io) != DKV_OK)
        load_die("the client library cannot be opened");

    load_run(load, clients);
    load->options.pin = false;
    struct load_client *reader = &clients[load->options.clients];
    load_client_init(reader, load, load->options.clients);
    int status = load_check_keys(reader);
    dkv_close(reader->dkv);
    if (load->options.history != NULL)
        history_save(load);
    if (status == 0)
        status = load_check_history(load);
    if (status == 0 && load->surprises > 0)
        status = EXIT_ERROR;
    print_report(load);

    dkv_io_close(load->io);
    history_fini(&load->history);
    free(endpoints);
    return status;
}
