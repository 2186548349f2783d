/*
 * load.c -- dkv-cli load: many records, by several clients at once.
 *
 * The input is read and checked as a whole before anything is sent. Each client is a thread with a
 * session of its own, which takes the next record when its last one is answered.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/records.h"
#include "cli/session.h"
#include "cli/text.h"

#define CLIENTS_DEFAULT 8
#define CLIENTS_MAX 256
#define INPUT_SIZE_MAX ((size_t)1 << 30)

struct load {
    const struct cli *cli;
    struct records records;
    struct dkv_io *io;
    uint64_t clients;
    atomic_size_t next;   /* Record to be taken next. */
    atomic_size_t done;   /* Records answered well. */
    atomic_bool stopping; /* One failed. */
    pthread_mutex_t lock;
    bool has_failed;          /* Under the lock, as the next two. */
    struct dkv_answer answer; /* The first that was not DKV_OK. */
    size_t failed_at;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void load_note_failure(struct load *l, size_t at, const struct dkv_answer *answer)
{
    pthread_mutex_lock(&l->lock);
    if (!l->has_failed) {
        l->has_failed = true;
        l->failed_at = at;
        l->answer = *answer; /* It owns nothing: a put without --prev. */
    }
    pthread_mutex_unlock(&l->lock);
    atomic_store(&l->stopping, true);
}

struct worker {
    struct load *load;
    struct dkv_client *client;
    pthread_t thread;
    bool runs;
};

static void *worker_run(void *context)
{
    struct worker *w = context;
    struct load *l = w->load;
    while (!atomic_load(&l->stopping)) {
        size_t at = atomic_fetch_add(&l->next, 1);
        if (at >= l->records.count)
            break;
        const struct dkv_op op = {
            .kind = DKV_PUT,
            .key = session_bytes(l->records.all[at].key),
            .value = session_bytes(l->records.all[at].value),
        };
        struct dkv_answer answer;
        dkv_execute(w->client, &op, &answer);
        if (answer.status != DKV_OK) {
            load_note_failure(l, at, &answer);
            break;
        }
        size_t done = atomic_fetch_add(&l->done, 1) + 1;
        if (done % 64 == 0)
            output_progress("%zu of %zu records", done, l->records.count);
    }
    return NULL;
}

static enum cli_exit load_start(struct load *l, struct worker *workers)
{
    for (uint64_t i = 0; i < l->clients; i++) {
        struct worker *w = &workers[i];
        w->load = l;
        enum cli_exit code = session_open(l->cli, l->io, &w->client);
        if (code != CLI_OK)
            return code;
    }
    for (uint64_t i = 0; i < l->clients; i++) {
        int err = pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]);
        if (err != 0) {
            cli_complain(l->cli, "cannot start a thread: %s", strerror(err));
            return CLI_ERROR;
        }
        workers[i].runs = true;
    }
    return CLI_OK;
}

static uint64_t records_bytes(const struct records *r)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < r->count; i++)
        bytes += r->all[i].value.size;
    return bytes;
}

static void load_print(const struct load *l, double seconds)
{
    uint64_t bytes = records_bytes(&l->records);
    if (l->cli->format == OUTPUT_JSON) {
        json_t *object = json_object();
        output_set(object, "records", output_json_u64(l->records.count));
        output_set(object, "replaced", output_json_u64(l->records.replaced));
        output_set(object, "bytes", output_json_u64(bytes));
        output_set(object, "clients", output_json_u64(l->clients));
        output_set(object, "seconds", json_real(seconds));
        output_json(object);
        return;
    }
    char *size = text_size(bytes);
    printf("%zu records, %s, in %.2f s with %" PRIu64 " clients\n", l->records.count, size, seconds,
           l->clients);
    free(size);
}

static enum cli_exit load_fail(const struct load *l)
{
    char *key = text_printable(l->records.all[l->failed_at].key, 60);
    cli_complain(l->cli, "%s: %s: %s", key, dkv_status_text(l->answer.status), l->answer.text);
    fprintf(stderr, "%zu of %zu records are in. Loading them all again does no harm.\n",
            atomic_load(&l->done), l->records.count);
    free(key);
    return exit_of_status(l->answer.status);
}

static enum cli_exit load_run(struct load *l)
{
    struct worker *workers = text_alloc(l->clients * sizeof(*workers));
    double began_s = now_s();
    interrupt_say(
        "dkv-cli: interrupted; some records are in, and loading all again does no harm\n");
    enum cli_exit code = dkv_io_open(&l->io) == DKV_OK ? CLI_OK : CLI_ERROR;
    if (code == CLI_OK)
        code = load_start(l, workers);
    if (code != CLI_OK)
        atomic_store(&l->stopping, true);
    for (uint64_t i = 0; i < l->clients; i++) {
        if (workers[i].runs)
            pthread_join(workers[i].thread, NULL);
        dkv_close(workers[i].client);
    }
    dkv_io_close(l->io);
    interrupt_say(NULL);
    free(workers);
    output_progress_end();
    if (code != CLI_OK)
        return code;
    if (l->has_failed)
        return load_fail(l);
    load_print(l, now_s() - began_s);
    return CLI_OK;
}

static enum cli_exit read_records(const struct cli *cli, struct buf *input, struct records *out)
{
    const char *path = options_get(&cli->options, "records-file");
    const char *field = options_get(&cli->options, "key-field");
    char message[RECORDS_MESSAGE_SIZE_MAX] = "out of memory";
    if (path == NULL)
        path = "-";
    int err = input_read(path, INPUT_SIZE_MAX, input);
    if (err != 0) {
        cli_complain(cli, "cannot read %s: %s", path,
                     err == ERR_IO ? strerror(errno) : err_text(err));
        return CLI_ERROR;
    }
    err = records_parse(buf_bytes(input), field != NULL ? field : "Package", out, message);
    if (err != 0) {
        cli_complain(cli, "%s; nothing was loaded", message);
        return CLI_ERROR;
    }
    if (out->replaced > 0)
        cli_complain(cli, "%zu records have the key of a later one, which replaces them",
                     out->replaced);
    return CLI_OK;
}

static enum cli_exit run(struct cli *cli)
{
    struct load load = {
        .cli = cli,
        .clients = CLIENTS_DEFAULT,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    bool has_stdin = options_has(&cli->options, "stdin-records");
    bool has_file = options_has(&cli->options, "records-file");
    if (cli_check_rest(cli) != CLI_OK ||
        cli_number(cli, "clients", 1, CLIENTS_MAX, &load.clients) != 0)
        return CLI_USAGE;
    if (has_stdin == has_file)
        return cli_usage(cli, "one of --stdin-records and --records-file FILE says what to load");
    struct buf input = {0};
    enum cli_exit code = read_records(cli, &input, &load.records);
    if (code == CLI_OK)
        code = load_run(&load);
    records_fini(&load.records);
    buf_fini(&input);
    return code;
}

static const struct option options[] = {
    {.name = "stdin-records", .help = "the records are the standard input"},
    {.name = "records-file", .argument = "FILE", .help = "the records are this file"},
    {.name = "key-field", .argument = "FIELD", .help = "the field that is the key (Package)"},
    {.name = "clients", .argument = "N", .help = "how many put at the same time (8)"},
};

const struct command_entry command_load = {
    .name = "load",
    .family = FAMILY_DATA,
    .summary = "put many records, by several clients at once",
    .usage = "load --stdin-records [flags]\n"
             "load --records-file FILE [flags]",
    .examples = "dkv-cli load --stdin-records --clients 8 < /var/lib/dpkg/status\n"
                "dkv-cli load --records-file /var/lib/dpkg/status --addr localhost:5001\n"
                "dkv-cli get bash > bash.record",
    .notes =
        "Records are runs of lines with blank lines between them; the value is the record, byte\n"
        "for byte, without the blank line, and the key what its field Package says. All is\n"
        "checked before anything is sent; the last of several records with one key counts.",
    .flags = COMMAND_CLUSTER,
    .options = options,
    .options_count = sizeof(options) / sizeof(options[0]),
    .run = run,
};
