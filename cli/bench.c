/*
 * bench.c -- dkv-cli bench: how many operations, and how long each takes.
 *
 * The flags become the options of a generator (cli/bench/generator.h); what it found is printed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/number.h"
#include "cli/bench/generator.h"
#include "cli/bench/report.h"
#include "cli/commands.h"
#include "cli/text.h"
#include "client/endpoints.h"

#define MS_NS UINT64_C(1000000)
#define TIMEOUT_MS 10000
#define DURATION_MS 10000
#define WARM_UP_MS 1000
#define FILL_CLIENTS 64
#define FILL_MAX_MS (3600 * 1000)
#define DESCRIPTORS_SPARE 256

/* Everything that the flags say. */
struct bench {
    const struct cli *cli;
    struct endpoints endpoints;
    struct cpu_pids pids;
    struct generator_options options;
    const char *csv; /* NULL: none. */
    bool no_fill;
};

/* ---- Flags --------------------------------------------------------------------------------- */

static enum cli_exit read_endpoints(struct bench *b)
{
    const struct cli *cli = b->cli;
    const char *why = NULL;
    const char *pin = options_get(&cli->options, "pin");
    if (endpoints_parse(cli_endpoints(cli), &b->endpoints, &why) != 0)
        return cli_usage(cli, "%s, not '%s'", why, cli_endpoints(cli));
    b->options.target.endpoints = &b->endpoints;
    b->options.pin = -1;
    if (pin == NULL)
        return CLI_OK;
    for (uint32_t i = 0; i < b->endpoints.count; i++) {
        if (strcmp(b->endpoints.addresses[i], pin) == 0)
            b->options.pin = (int)i;
    }
    if (b->options.pin < 0)
        return cli_usage(cli, "--pin takes one of the endpoints, not '%s'", pin);
    return CLI_OK;
}

/* "50/50": puts and gets. */
static int parse_mix(const char *text, uint32_t *out_puts, uint32_t *out_gets)
{
    uint64_t puts = 0;
    uint64_t gets = 0;
    const char *slash = strchr(text, '/');
    if (slash == NULL)
        return ERR_INVALID;
    char *left = text_format("%.*s", (int)(slash - text), text);
    int err = number_parse(left, &puts);
    free(left);
    if (err != 0 || number_parse(slash + 1, &gets) != 0)
        return ERR_INVALID;
    if (puts > 1000000 || gets > 1000000 || puts + gets == 0)
        return ERR_INVALID;
    *out_puts = (uint32_t)puts;
    *out_gets = (uint32_t)gets;
    return 0;
}

static enum cli_exit read_mix(struct bench *b, struct cli *cli)
{
    const char *mix = options_take(&cli->options, "mix");
    if (mix == NULL || strcmp(mix, "put") == 0)
        mix = "100/0";
    else if (strcmp(mix, "get") == 0)
        mix = "0/100";
    if (parse_mix(mix, &b->options.puts, &b->options.gets) != 0)
        return cli_usage(cli, "what to do is put, get, or PUTS/GETS as 50/50, not '%s'", mix);
    return CLI_OK;
}

static const struct {
    const char *word;
    enum target_consistency consistency;
} consistencies[] = {
    {"linearizable", TARGET_LINEARIZABLE},
    {"barrier", TARGET_LINEARIZABLE},
    {"quorum", TARGET_QUORUM},
    {"sequential", TARGET_SEQUENTIAL},
    {"serializable", TARGET_SEQUENTIAL},
};

static enum cli_exit read_target(struct bench *b)
{
    const struct cli *cli = b->cli;
    const char *target = options_get(&cli->options, "target");
    const char *consistency = options_get(&cli->options, "consistency");
    b->options.kind = target_find(target != NULL ? target : "dkv");
    if (b->options.kind == NULL)
        return cli_usage(cli, "--target takes dkv or etcd, not '%s'", target);
    if (consistency == NULL)
        return CLI_OK;
    for (size_t i = 0; i < sizeof(consistencies) / sizeof(consistencies[0]); i++) {
        if (strcmp(consistencies[i].word, consistency) != 0)
            continue;
        b->options.target.consistency = consistencies[i].consistency;
        if (target_supports(b->options.kind, consistencies[i].consistency))
            return CLI_OK;
        return cli_usage(cli, "%s has no %s reads", b->options.kind->name, consistency);
    }
    return cli_usage(cli, "--consistency takes linearizable, quorum or sequential, not '%s'",
                     consistency);
}

static int read_duration(const struct cli *cli, const char *name, uint32_t min_ms, uint32_t *out_ms)
{
    const char *text = options_get(&cli->options, name);
    uint32_t ms = 0;
    if (text == NULL)
        return 0;
    if (text_parse_duration(text, &ms) != 0 || ms < min_ms) {
        cli_usage(cli, "--%s takes a duration as 250ms, 10s or 2m, not '%s'", name, text);
        return ERR_INVALID;
    }
    *out_ms = ms;
    return 0;
}

static enum cli_exit read_durations(struct bench *b)
{
    const struct cli *cli = b->cli;
    struct generator_options *o = &b->options;
    uint32_t duration_ms = DURATION_MS;
    uint32_t warm_up_ms = WARM_UP_MS;
    if (cli_timeout(cli, TIMEOUT_MS, &o->target.timeout_ms) != 0 ||
        read_duration(cli, "attempt-timeout", 1, &o->target.attempt_timeout_ms) != 0 ||
        read_duration(cli, "duration", 1, &duration_ms) != 0 ||
        read_duration(cli, "warm-up", 0, &warm_up_ms) != 0)
        return CLI_USAGE;
    o->duration_ns = duration_ms * MS_NS;
    o->warm_up_ns = warm_up_ms * MS_NS;
    return CLI_OK;
}

/* A number of 32 bits. */
static int read_number(const struct cli *cli, const char *name, uint64_t min, uint64_t max,
                       uint32_t *out)
{
    uint64_t number = *out;
    TRY(cli_number(cli, name, min, max, &number));
    *out = (uint32_t)number;
    return 0;
}

static enum cli_exit read_numbers(struct bench *b)
{
    const struct cli *cli = b->cli;
    struct generator_options *o = &b->options;
    const char *pids = options_get(&cli->options, "pids");
    o->clients = 64;
    o->pipeline = 1;
    o->keys = 10000;
    o->key_size = 16;
    o->value_size = 128;
    if (read_number(cli, "clients", 1, GENERATOR_CLIENTS_MAX, &o->clients) != 0 ||
        read_number(cli, "pipeline", 1, GENERATOR_PIPELINE_MAX, &o->pipeline) != 0 ||
        read_number(cli, "keys", 1, 100000000, &o->keys) != 0 ||
        read_number(cli, "key-size", generator_key_size_min(o->keys), GENERATOR_KEY_SIZE_MAX,
                    &o->key_size) != 0 ||
        read_number(cli, "value-size", 0, GENERATOR_VALUE_SIZE_MAX, &o->value_size) != 0 ||
        cli_number(cli, "rate", 1, GENERATOR_RATE_MAX, &o->rate_per_s) != 0)
        return CLI_USAGE;
    if (pids != NULL && cpu_pids_parse(pids, &b->pids) != 0)
        return cli_usage(cli, "--pids takes process ids with commas between them, not '%s'", pids);
    o->servers = &b->pids;
    return CLI_OK;
}

static enum cli_exit read_flags(struct bench *b, struct cli *cli)
{
    enum cli_exit code = read_mix(b, cli);
    if (code == CLI_OK)
        code = cli_check_rest(cli);
    if (code == CLI_OK)
        code = read_endpoints(b);
    if (code == CLI_OK)
        code = read_target(b);
    if (code == CLI_OK)
        code = read_durations(b);
    if (code == CLI_OK)
        code = read_numbers(b);
    b->csv = options_get(&cli->options, "csv");
    b->options.target.calls_only = options_has(&cli->options, "calls");
    b->no_fill = options_has(&cli->options, "no-fill");
    return code;
}

/* ---- The run ------------------------------------------------------------------------------- */

/* Each client may have a connection to each endpoint. */
static enum cli_exit raise_descriptors(const struct bench *b)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)b->options.clients * b->endpoints.count + DESCRIPTORS_SPARE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return CLI_OK;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= needed)
        return CLI_OK;
    cli_complain(b->cli, "%" PRIu32 " clients need %lu open files, and only %lu are allowed",
                 b->options.clients, (unsigned long)needed, (unsigned long)limit.rlim_cur);
    return CLI_ERROR;
}

static void show_fill(void *context, const struct generator_progress *p)
{
    const struct bench *b = context;
    output_progress("writing the keys: %" PRIu64 " of %" PRIu32, p->done, b->options.keys);
}

static void show_run(void *context, const struct generator_progress *p)
{
    const struct bench *b = context;
    if (p->window_ns < 0 || p->last == NULL) {
        output_progress("warming up");
        return;
    }
    const struct tally_second *s = p->last;
    output_progress("%.0f of %.0f s: %" PRIu64 " operations/s, p50 %.2f ms, p99 %.2f ms, max %.2f"
                    " ms, %" PRIu64 " errors",
                    (double)p->window_ns / 1e9, (double)b->options.duration_ns / 1e9, s->ops,
                    (double)s->p50_ns / 1e6, (double)s->p99_ns / 1e6, (double)s->max_ns / 1e6,
                    s->errors);
}

static enum cli_exit run_generator(const struct bench *b, const struct generator_options *options,
                                   struct generator_result *out)
{
    pid_t missing = 0;
    int err = generator_run(options, options->fill ? show_fill : show_run, (void *)(uintptr_t)b,
                            out, &missing);
    output_progress_end();
    if (err == ERR_NOT_FOUND)
        cli_complain(b->cli, "there is no process %ld (--pids)", (long)missing);
    else if (err != 0)
        cli_complain(b->cli, "%s", err_text(err));
    return err == 0 ? CLI_OK : CLI_ERROR;
}

/* What is to be read has to be there. */
static enum cli_exit fill(const struct bench *b)
{
    static struct generator_result result;
    struct generator_options options = b->options;
    options.fill = true;
    options.clients = FILL_CLIENTS;
    options.pipeline = 1;
    options.pin = -1;
    options.rate_per_s = 0;
    options.warm_up_ns = 0;
    options.duration_ns = FILL_MAX_MS * MS_NS;
    enum cli_exit code = run_generator(b, &options, &result);
    if (code != CLI_OK)
        return code;
    if (result.failed > 0) {
        cli_complain(b->cli, "the keys to be read cannot be written: %s", result.error);
        code = CLI_UNAVAILABLE;
    }
    tally_fini(&result.tally);
    return code;
}

static enum cli_exit write_csv(const struct bench *b, const struct generator_result *result)
{
    if (b->csv == NULL)
        return CLI_OK;
    FILE *out = fopen(b->csv, "w");
    bool ok = out != NULL;
    if (ok) {
        report_csv(out, result);
        ok = ferror(out) == 0;
        ok = fclose(out) == 0 && ok;
    }
    if (!ok)
        cli_complain(b->cli, "cannot write %s: %s", b->csv, strerror(errno));
    return ok ? CLI_OK : CLI_ERROR;
}

/* One row, to be put below others. */
static void print_table(const struct bench *b, const struct generator_result *r)
{
    static const char *const heads[] = {"TARGET", "MODE",   "CLIENTS", "OPS/S",
                                        "ERRORS", "P50_MS", "P99_MS",  "P999_MS",
                                        "MAX_MS", "GAP_MS", NULL};
    static const uint32_t quantiles[] = {500000, 990000, 999000};
    char mode[REPORT_MODE_SIZE_MAX];
    const struct tally *t = &r->tally;
    struct output_table table = {0};
    report_mode(&b->options, mode);
    output_heads(&table, heads);
    output_cell(&table, text_format("%s", b->options.kind->name));
    output_cell(&table, text_format("%s", mode));
    output_cell(&table, text_format("%" PRIu32, b->options.clients));
    output_cell(&table, text_format("%.0f", (double)t->ops * 1e9 / (double)b->options.duration_ns));
    output_cell(&table, text_format("%" PRIu64, t->errors));
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        output_cell(
            &table,
            text_format("%.2f", (double)histogram_quantile_ns(&t->latencies, quantiles[i]) / 1e6));
    output_cell(&table, text_format("%.2f", (double)t->max_ns / 1e6));
    output_cell(&table, text_format("%.2f", (double)t->gap.longest_ns / 1e6));
    output_table(&table);
}

static enum cli_exit print_result(const struct bench *b, const struct generator_result *result)
{
    enum cli_exit code = write_csv(b, result);
    if (b->cli->format == OUTPUT_JSON) {
        json_t *object = report_json(&b->options, result);
        if (object == NULL) {
            cli_complain(b->cli, "%s", err_text(ERR_NO_MEMORY));
            return CLI_ERROR;
        }
        output_json(object);
    } else if (b->cli->format == OUTPUT_TABLE) {
        print_table(b, result);
    } else {
        report_print(stdout, &b->options, result);
    }
    if (code == CLI_OK && result->tally.ops == 0) {
        cli_complain(b->cli, "no operation succeeded%s%s", result->failed > 0 ? ": " : "",
                     result->error);
        code = CLI_UNAVAILABLE;
    }
    return code;
}

static enum cli_exit run(struct cli *cli)
{
    static struct generator_result result; /* Large. */
    static struct bench bench;
    bench.cli = cli;
    enum cli_exit code = read_flags(&bench, cli);
    if (code != CLI_OK)
        return code;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    bench.options.seed = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    code = raise_descriptors(&bench);
    if (code == CLI_OK && bench.options.gets > 0 && !bench.no_fill)
        code = fill(&bench);
    if (code == CLI_OK)
        code = run_generator(&bench, &bench.options, &result);
    if (code != CLI_OK)
        return code;
    code = print_result(&bench, &result);
    tally_fini(&result.tally);
    return code;
}

static const struct option options[] = {
    {.name = "mix", .argument = "PUTS/GETS", .help = "instead of the argument: 100/0 is put"},
    {.name = "target", .argument = "dkv|etcd", .help = "what is at the endpoints (dkv)"},
    {.name = "clients", .argument = "N", .help = "each with connections of its own (64)"},
    {.name = "duration", .argument = "10s", .help = "how long to measure"},
    {.name = "warm-up", .argument = "1s", .help = "what comes before it, and does not count"},
    {.name = "rate",
     .argument = "N",
     .help = "open loop: so many operations are due a second, in all"},
    {.name = "pipeline", .argument = "N", .help = "operations under way at each client (1)"},
    {.name = "pin", .argument = "HOST:PORT", .help = "all clients begin at this endpoint"},
    {.name = "consistency",
     .argument = "KIND",
     .help = "of gets: linearizable (the default), quorum or sequential"},
    {.name = "keys", .argument = "N", .help = "how many, drawn evenly (10000)"},
    {.name = "key-size", .argument = "BYTES", .help = "of each key (16)"},
    {.name = "value-size", .argument = "BYTES", .help = "of each value (128)"},
    {.name = "calls", .help = "dkv: a gRPC call for each operation, and no stream"},
    {.name = "no-fill", .help = "do not write all keys before there are gets"},
    {.name = "attempt-timeout", .argument = "2s", .help = "after which the next endpoint is asked"},
    {.name = "pids", .argument = "PID,...", .help = "the servers, to count their CPU time"},
    {.name = "csv", .argument = "FILE", .help = "a line for each second"},
};

const struct command_entry command_bench = {
    .name = "bench",
    .family = FAMILY_DATA,
    .summary = "measure operations a second and their latencies",
    .usage = "bench [put|get|PUTS/GETS] [flags]",
    .examples = "dkv-cli bench\n"
                "dkv-cli bench get --clients 256 --duration 30s\n"
                "dkv-cli bench 50/50 --pids $(pgrep -d, dkv-node) -o json\n"
                "dkv-cli bench put --rate 5000 --csv seconds.csv\n"
                "dkv-cli bench put --target etcd --endpoints localhost:2379",
    .notes =
        "Without --rate each client begins an operation when its last one is done (closed\n"
        "loop). With it, operations are due at fixed times, and their latency counts from\n"
        "then. Clients begin at the endpoints in turn, and move on to the next when one fails.\n"
        "A gap is the longest time in which no operation was done. Keys are bench and a\n"
        "number; gets are preceded by a put of each. docs/performance.md has the fields of\n"
        "-o json.",
    .flags = COMMAND_CLUSTER,
    .options = options,
    .options_count = sizeof(options) / sizeof(options[0]),
    .run = run,
};
