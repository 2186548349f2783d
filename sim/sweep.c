/* sweep.c -- see sweep.h. */
#define _GNU_SOURCE
#include "sweep.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "world.h"

/* What a worker tells. */
struct worker {
    uint64_t seed; /* 0: it does nothing. */
    volatile uint64_t events;
    uint64_t seeds_done;
    uint64_t events_done;
    uint64_t ops_ok;
    uint64_t slots;
    uint64_t undecided;
    uint64_t digest;
    pid_t pid;
    bool failed;
    char failure[512];
};

/* Shared by all. */
struct sweep {
    _Atomic uint64_t next_seed;
    _Atomic uint64_t end_seed; /* Seeds from here on are not worth beginning. */
    struct worker workers[SWEEP_JOBS_MAX];
};

static double sweep_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sweep_one(const struct sweep_options *options, struct worker *me, uint64_t seed)
{
    struct world_options run = {
        .seed = seed,
        .events = options->events,
        .mode = options->mode,
        .nodes = options->nodes,
        .first_slot = options->first_slot,
    };
    struct world_result result;
    me->events = 0;
    me->seed = seed;
    world_run(&run, &me->events, &result);
    me->events = result.events;
    me->seeds_done++;
    me->events_done += result.events;
    me->ops_ok += result.ops_ok;
    me->slots += result.slots;
    me->undecided += result.undecided;
    me->digest += (result.digest ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
    if (result.failed) {
        memcpy(me->failure, result.failure, sizeof(me->failure));
        me->failed = true;
    }
}

static void sweep_work(const struct sweep_options *options, struct sweep *s, struct worker *me)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    planted_bug = options->bug;
    if (options->bug != PLANTED_NONE) { /* The assert that it trips is no news. */
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (null >= 0)
            dup2(null, STDERR_FILENO);
    }
    for (;;) {
        uint64_t seed = atomic_fetch_add(&s->next_seed, 1);
        if (seed > options->seed_last || seed >= atomic_load(&s->end_seed))
            break;
        sweep_one(options, me, seed);
        if (!me->failed)
            continue;
        atomic_store(&s->end_seed, seed);
        _exit(1);
    }
    me->seed = 0;
    _exit(0);
}

/* Of several failures the one of the lowest seed, so that each sweep tells the same. */
static void sweep_note_failure(const struct worker *w, int status, struct sweep_result *out)
{
    if (out->failed && out->seed <= w->seed)
        return;
    out->failed = true;
    out->seed = w->seed;
    out->events = w->events;
    if (w->failed)
        memcpy(out->what, w->failure, sizeof(out->what));
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        snprintf(out->what, sizeof(out->what), "an assert in the core");
    else
        snprintf(out->what, sizeof(out->what), "the process ended: %s %d",
                 WIFSIGNALED(status) ? "signal" : "exit",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void sweep_wait(struct sweep *s, uint32_t jobs, struct sweep_result *out)
{
    for (uint32_t left = jobs; left > 0; left--) {
        int status = 0;
        pid_t pid = wait(&status);
        for (uint32_t i = 0; i < jobs; i++) {
            struct worker *w = &s->workers[i];
            if (w->pid != pid || status == 0)
                continue;
            if (!w->failed && w->seed < atomic_load(&s->end_seed))
                atomic_store(&s->end_seed, w->seed);
            sweep_note_failure(w, status, out);
        }
    }
    for (uint32_t i = 0; i < jobs; i++) {
        const struct worker *w = &s->workers[i];
        out->seeds_done += w->seeds_done;
        out->events_done += w->events_done;
        out->ops_ok += w->ops_ok;
        out->slots += w->slots;
        out->undecided += w->undecided;
        out->digest += w->digest;
    }
}

int sweep_run(const struct sweep_options *options, struct sweep_result *out_result)
{
    assert(options->jobs >= 1 && options->jobs <= SWEEP_JOBS_MAX);
    struct sweep *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return ERR_IO;
    atomic_init(&s->next_seed, options->seed_first);
    atomic_init(&s->end_seed, UINT64_MAX);
    double began = sweep_now();
    struct sweep_result result = {0};
    uint32_t jobs = 0;
    fflush(NULL);
    for (; jobs < options->jobs; jobs++) {
        pid_t pid = fork();
        if (pid < 0)
            break;
        if (pid == 0)
            sweep_work(options, s, &s->workers[jobs]);
        s->workers[jobs].pid = pid;
    }
    sweep_wait(s, jobs, &result);
    result.seconds = sweep_now() - began;
    munmap(s, sizeof(*s));
    if (jobs == 0)
        return ERR_IO;
    *out_result = result;
    return 0;
}
