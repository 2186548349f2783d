/*
 * main.c -- dkv-sim: many simulated runs, or one of them told step by step.
 *
 * Exit codes: 0 all is well; 1 an invariant broke, or a planted bug was missed; 2 usage.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "planted_list.h"
#include "sweep.h"
#include "world.h"

#define EVENTS_DEFAULT 50000
#define SEEDS_DEFAULT 200

static const char usage[] =
    "dkv-sim: the replica in a simulated world, one seed a run\n"
    "\n"
    "  dkv-sim --seeds 1..2000 --events 50000    a sweep; ends at the first failure\n"
    "  dkv-sim --seed 17 --trace                 one run, told step by step\n"
    "  dkv-sim --planted                         is every planted bug found?\n"
    "  dkv-sim --planted --bug wiped-disk        is that one?\n"
    "\n"
    "  --seeds A..B     seeds of a sweep (1..200)\n"
    "  --seed S         one seed\n"
    "  --events N       events of a run; one event is one step of one replica (50000)\n"
    "  --jobs N         processes (as many as there are cores)\n"
    "  --mode MODE      classic, coordinated, or both: each seed chooses (both)\n"
    "  --nodes 3|5      else each seed chooses\n"
    "  --first-slot N   else each seed chooses: 1, or just below 2^8, 2^16 or 2^32\n"
    "  --bug NAME       with this bug switched on\n"
    "  --list           names of the planted bugs\n"
    "  --trace          print each step\n";

struct arguments {
    struct sweep_options sweep;
    bool one_seed;
    bool planted;
    bool trace;
    bool list;
};

static int usage_error(const char *what, const char *value)
{
    fprintf(stderr, "dkv-sim: %s '%s'; see dkv-sim --help\n", what, value);
    return 2;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (*text < '0' || *text > '9')
        return false;
    *out = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool parse_seeds(const char *text, struct sweep_options *o)
{
    char first[32];
    const char *dots = strstr(text, "..");
    if (dots == NULL || (size_t)(dots - text) >= sizeof(first))
        return false;
    memcpy(first, text, (size_t)(dots - text));
    first[dots - text] = '\0';
    return parse_number(first, &o->seed_first) && parse_number(dots + 2, &o->seed_last) &&
           o->seed_first > 0 && o->seed_first <= o->seed_last && o->seed_last < UINT64_MAX;
}

/* 0: each seed chooses. */
static const char *mode_text(enum mode mode)
{
    return mode == 0 ? "both" : mode_name(mode);
}

static bool parse_mode(const char *text, enum mode *out_mode)
{
    for (enum mode mode = 0; mode <= MODE_COORDINATED; mode++) {
        if (strcmp(text, mode_text(mode)) != 0)
            continue;
        *out_mode = mode;
        return true;
    }
    return false;
}

/* One option. 0, or 2 after saying what is wrong. */
static int parse_option(int option, const char *value, struct arguments *a)
{
    uint64_t number = 0;
    if (strchr("enjf1", option) != NULL && !parse_number(value, &number))
        return usage_error("not a number:", value);
    switch (option) {
    case 's':
        return parse_seeds(value, &a->sweep) ? 0 : usage_error("seeds are A..B, not", value);
    case '1':
        if (number == 0)
            return usage_error("a seed is at least 1, not", value);
        a->sweep.seed_first = number;
        a->sweep.seed_last = number;
        a->one_seed = true;
        return 0;
    case 'e':
        a->sweep.events = number;
        return 0;
    case 'j':
        if (number < 1 || number > SWEEP_JOBS_MAX)
            return usage_error("jobs are 1 to 64, not", value);
        a->sweep.jobs = (uint32_t)number;
        return 0;
    case 'n':
        if (number != 3 && number != 5)
            return usage_error("nodes are 3 or 5, not", value);
        a->sweep.nodes = (uint32_t)number;
        return 0;
    case 'm':
        return parse_mode(value, &a->sweep.mode) ? 0 : usage_error("no mode is called", value);
    case 'f':
        if (number < 1 || number > UINT64_MAX / 2)
            return usage_error("not a slot:", value);
        a->sweep.first_slot = number;
        return 0;
    case 'b':
        a->sweep.bug = planted_find(value);
        return a->sweep.bug != PLANTED_NONE ? 0 : usage_error("no planted bug is called", value);
    case 'p':
        a->planted = true;
        return 0;
    case 't':
        a->trace = true;
        return 0;
    case 'l':
        a->list = true;
        return 0;
    default:
        return 2;
    }
}

static int parse(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, '1'},
        {"events", required_argument, NULL, 'e'},
        {"jobs", required_argument, NULL, 'j'},
        {"mode", required_argument, NULL, 'm'},
        {"nodes", required_argument, NULL, 'n'},
        {"bug", required_argument, NULL, 'b'},
        {"first-slot", required_argument, NULL, 'f'},
        {"planted", no_argument, NULL, 'p'},
        {"trace", no_argument, NULL, 't'},
        {"list", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            exit(0);
        }
        if (option == '?') {
            fputs("see dkv-sim --help\n", stderr);
            return 2;
        }
        int err = parse_option(option, optarg, a);
        if (err != 0)
            return err;
    }
    return optind == argc ? 0 : usage_error("what is", argv[optind]);
}

static void print_replay(const struct sweep_options *o, uint64_t seed)
{
    printf("  replay: dkv-sim --seed %lu --events %lu", seed, o->events);
    if (o->mode != 0)
        printf(" --mode %s", mode_name(o->mode));
    if (o->nodes != 0)
        printf(" --nodes %u", o->nodes);
    if (o->first_slot != 0)
        printf(" --first-slot %lu", o->first_slot);
    if (o->bug != PLANTED_NONE)
        printf(" --bug %s", planted_name(o->bug));
    printf(" --trace\n");
}

static int run_sweep(const struct sweep_options *o)
{
    struct sweep_result r;
    if (sweep_run(o, &r) != 0) {
        perror("dkv-sim");
        return 1;
    }
    if (r.failed) {
        printf("FAILED seed %lu after %lu events: %s\n", r.seed, r.events, r.what);
        print_replay(o, r.seed);
    }
    printf("%lu seeds, %lu events, %.0f events/s on %u processes, %lu ops answered, %lu slots, "
           "%lu histories undecided, digest %016lx\n",
           r.seeds_done, r.events_done, (double)r.events_done / r.seconds, o->jobs, r.ops_ok,
           r.slots, r.undecided, r.digest);
    return r.failed ? 1 : 0;
}

/* One bug in one mode: is it found? */
static int run_planted_in(const struct sweep_options *o, const struct planted_name *p,
                          enum mode mode, bool *out_missed)
{
    struct sweep_options one = *o;
    one.bug = p->bug;
    one.mode = mode;
    struct sweep_result r;
    if (sweep_run(&one, &r) != 0) {
        perror("dkv-sim");
        return 1;
    }
    printf("%s %s ", p->name, mode_name(mode));
    if (r.failed)
        printf("found seed %lu events %lu: %s\n", r.seed, r.events, r.what);
    else
        printf("MISSED in %lu seeds\n", r.seeds_done);
    fflush(stdout);
    *out_missed = !r.failed;
    return 0;
}

/* One bug, or all of them, in each mode that they exist in. */
static int run_planted(const struct sweep_options *o)
{
    int found = 0;
    int missed = 0;
    for (size_t i = 0; i < planted_list_count; i++) {
        const struct planted_name *p = &planted_list[i];
        if (o->bug != PLANTED_NONE && p->bug != o->bug)
            continue;
        for (enum mode mode = MODE_CLASSIC; mode <= MODE_COORDINATED; mode++) {
            bool exists = mode == MODE_CLASSIC ? p->classic : p->coordinated;
            bool is_missed = false;
            if (!exists || (o->mode != 0 && o->mode != mode))
                continue;
            if (run_planted_in(o, p, mode, &is_missed) != 0)
                return 1;
            found += !is_missed;
            missed += is_missed;
        }
    }
    printf("%d found, %d missed\n", found, missed);
    return missed == 0 && found > 0 ? 0 : 1;
}

/* In this process, so that a debugger and a trace see all of it. */
static int run_one(const struct arguments *a)
{
    struct world_options options = {
        .seed = a->sweep.seed_first,
        .events = a->sweep.events,
        .mode = a->sweep.mode,
        .nodes = a->sweep.nodes,
        .first_slot = a->sweep.first_slot,
        .trace = a->trace ? stdout : NULL,
    };
    struct world_result r;
    planted_bug = a->sweep.bug;
    world_run(&options, NULL, &r);
    if (r.failed) {
        printf("FAILED seed %lu after %lu events: %s\n", options.seed, r.events, r.failure);
        print_replay(&a->sweep, options.seed);
    }
    printf("seed %lu: %lu events in %.3f simulated s, %lu slots, %lu of %lu ops answered, %lu "
           "checked, %lu faults, digest %016lx\n",
           options.seed, r.events, (double)r.now_ns / 1e9, r.slots, r.ops_ok, r.ops, r.checked,
           r.faults, r.digest);
    return r.failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct arguments a = {
        .sweep =
            {
                .seed_first = 1,
                .seed_last = SEEDS_DEFAULT,
                .events = EVENTS_DEFAULT,
                .jobs = cores < 1                ? 1
                        : cores > SWEEP_JOBS_MAX ? SWEEP_JOBS_MAX
                                                 : (uint32_t)cores,
            },
    };
    int err = parse(argc, argv, &a);
    if (err != 0)
        return err;
    if (a.list) {
        for (size_t i = 0; i < planted_list_count; i++)
            printf("%s%s%s\n", planted_list[i].name, planted_list[i].classic ? " classic" : "",
                   planted_list[i].coordinated ? " coordinated" : "");
        return 0;
    }
    if (a.planted)
        return run_planted(&a.sweep);
    if (a.one_seed)
        return run_one(&a);
    return run_sweep(&a.sweep);
}
