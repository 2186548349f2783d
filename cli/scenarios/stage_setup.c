/* stage_setup.c -- the cluster, its clients, and those who stop and start nodes. */
#define _GNU_SOURCE
#include "cli/scenarios/stage_setup.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli/scenarios/cleanup.h"
#include "cli/scenarios/moment.h"
#include "client/endpoints.h"

#define NODES 3
#define READY_TIMEOUT_MS 60000
#define ADMIN_TIMEOUT_MS 5000
#define LOG_LINES 15

/* On the thread of cleanup.h: what the process leaves behind is gone. */
static void on_interrupt(void *context)
{
    struct stage *s = context;
    if (s->cluster != NULL)
        cluster_wreck(s->cluster);
    fprintf(stderr, "interrupted\n");
}

/* ---- The cluster --------------------------------------------------------------------------- */

/* Nothing is started yet; on_interrupt is to find it from the beginning. */
static int new_cluster(struct stage *s, const struct scenario_options *options)
{
    const struct cluster_options wanted = {
        .nodes = NODES,
        .node_binary = options->node_binary,
        .ready_timeout_ms = READY_TIMEOUT_MS,
        .keep = options->keep,
        .is_ready = stage_is_ready,
        .context = s,
    };
    return cluster_new(&wanted, &s->cluster);
}

static enum cli_exit setup_own(struct stage *s)
{
    report_step(&s->report, "start %d nodes on free ports", NODES);
    char text[CLUSTER_TEXT_SIZE_MAX];
    if (cluster_start(s->cluster, text) != 0) {
        fprintf(stderr, "%s\n", text);
        return CLI_ERROR;
    }
    s->nodes_count = NODES;
    for (uint32_t i = 0; i < NODES; i++) {
        snprintf(s->nodes[i].address, sizeof(s->nodes[i].address), "%s",
                 cluster_address(s->cluster, i));
        report_saw(&s->report, "node %u: %s, pid %ld", (unsigned)i + 1, s->nodes[i].address,
                   (long)cluster_pid(s->cluster, i));
    }
    return CLI_OK;
}

static enum cli_exit setup_given(struct stage *s, const struct scenario *scenario,
                                 const struct scenario_options *options)
{
    struct endpoints endpoints;
    const char *why;
    if (endpoints_parse(options->endpoints, &endpoints, &why) != 0) {
        fprintf(stderr, "--endpoints \"%s\": %s\n", options->endpoints, why);
        return CLI_USAGE;
    }
    if (endpoints.count < scenario->nodes_min || endpoints.count > STAGE_NODES_MAX) {
        fprintf(stderr,
                "scenario %s plays on %u to %d nodes: give the endpoint of each, or leave out "
                "--endpoints for a throwaway cluster\n",
                scenario->name, (unsigned)scenario->nodes_min, STAGE_NODES_MAX);
        return CLI_USAGE;
    }
    if (scenario->kills && !options->interactive) {
        fprintf(stderr,
                "scenario %s kills a node and starts it again, which it cannot do to this "
                "cluster: add --interactive to be asked to do it, or leave out --endpoints for a "
                "throwaway cluster\n",
                scenario->name);
        return CLI_USAGE;
    }
    s->nodes_count = endpoints.count;
    for (uint32_t i = 0; i < endpoints.count; i++)
        snprintf(s->nodes[i].address, sizeof(s->nodes[i].address), "%.255s",
                 endpoints.addresses[i]);
    return CLI_OK;
}

/* ---- What looks at it ---------------------------------------------------------------------- */

static enum cli_exit open_node(struct stage *s, struct stage_node *n)
{
    const struct dkv_options options = {
        .endpoints = n->address, .io = s->io, .timeout_ms = s->timeout_ms};
    enum dkv_status status = dkv_open(&options, &n->client);
    if (status == DKV_OK)
        status = admin_open(s->io, n->address, ADMIN_TIMEOUT_MS, &n->admin);
    if (status != DKV_OK) {
        fprintf(stderr, "%s: %s\n", n->address, dkv_status_text(status));
        return CLI_ERROR;
    }
    struct wire_status about;
    struct admin_error error;
    if (admin_status(n->admin, &about, &error) != DKV_OK) {
        fprintf(stderr, "%s: %s\n", n->address, error.text);
        return CLI_UNAVAILABLE;
    }
    n->id = about.id;
    return CLI_OK;
}

static enum cli_exit check_faults(const struct stage *s)
{
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        struct wire_faults faults;
        struct admin_error error;
        if (admin_get_faults(s->nodes[i].admin, &faults, &error) != DKV_OK) {
            fprintf(stderr, "%s: %s\n", s->nodes[i].address, error.text);
            return CLI_UNAVAILABLE;
        }
        if (!faults.enabled) {
            fprintf(stderr,
                    "node %u at %s does not allow fault rules: start it with "
                    "--enable-fault-injection\n",
                    (unsigned)s->nodes[i].id, s->nodes[i].address);
            return CLI_DENIED;
        }
    }
    return CLI_OK;
}

/* Given endpoints: are they different nodes of one cluster? */
static enum cli_exit check_nodes(const struct stage *s)
{
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (s->nodes[i].id == s->nodes[j].id) {
                fprintf(stderr, "%s and %s are both node %u: give each node once\n",
                        s->nodes[j].address, s->nodes[i].address, (unsigned)s->nodes[i].id);
                return CLI_USAGE;
            }
        }
    }
    return CLI_OK;
}

enum cli_exit stage_open(struct stage *s, const struct scenario *scenario,
                         const struct scenario_options *options)
{
    s->interactive = options->interactive;
    s->quick = options->quick;
    s->timeout_ms = options->timeout_ms;
    journal_init(&s->journal);
    uint32_t run = 0;
    if (getrandom(&run, sizeof(run), 0) != sizeof(run))
        run = (uint32_t)moment_now_ns();
    snprintf(s->prefix, sizeof(s->prefix), "%s-%08x-", scenario->name, (unsigned)run);
    if ((options->endpoints == NULL && new_cluster(s, options) != 0) ||
        report_init(&s->report, scenario->name, options->is_json, options->out) != 0 ||
        cleanup_begin(on_interrupt, s) != 0 || dkv_io_open(&s->io) != DKV_OK) {
        fprintf(stderr, "out of memory\n");
        return CLI_ERROR;
    }
    enum cli_exit code =
        options->endpoints != NULL ? setup_given(s, scenario, options) : setup_own(s);
    for (uint32_t i = 0; code == CLI_OK && i < s->nodes_count; i++)
        code = open_node(s, &s->nodes[i]);
    if (code == CLI_OK)
        code = check_nodes(s);
    if (code == CLI_OK && scenario->faults)
        code = check_faults(s);
    return code;
}

uint32_t stage_close(struct stage *s)
{
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        dkv_close(s->nodes[i].client);
        admin_close(s->nodes[i].admin);
    }
    dkv_io_close(s->io);
    uint32_t unclean = 0;
    if (s->cluster != NULL) {
        unclean = cluster_stop(s->cluster);
        if (unclean > 0 || s->report.failed > 0)
            cluster_print_logs(s->cluster, stderr, LOG_LINES);
    }
    cleanup_end();
    cluster_close(s->cluster);
    report_fini(&s->report);
    journal_fini(&s->journal);
    return unclean;
}

/* ---- Who stops and starts nodes ------------------------------------------------------------ */

/* Let the person do it; false: there is nobody. */
static bool ask(struct stage *s, const char *what, uint32_t node)
{
    fprintf(stderr, "*** now %s node %u (%s), then press Enter: ", what,
            (unsigned)s->nodes[node].id, s->nodes[node].address);
    fflush(stderr);
    int c;
    do
        c = getchar();
    while (c != EOF && c != '\n');
    if (c == EOF)
        report_break(&s->report, "somebody is there to %s node %u", what,
                     (unsigned)s->nodes[node].id);
    return c != EOF;
}

/* Wait until the node answers, or no longer does. */
static bool await_answer(struct stage *s, uint32_t node, bool wanted)
{
    uint64_t until_ns = moment_now_ns() + READY_TIMEOUT_MS * MOMENT_MS;
    while (stage_is_ready(s, s->nodes[node].address) != wanted) {
        if (moment_now_ns() >= until_ns) {
            report_break(&s->report, "node %u %s", (unsigned)s->nodes[node].id,
                         wanted ? "is ready" : "is gone");
            return false;
        }
        moment_sleep_ms(100);
    }
    return true;
}

bool stage_kill(struct stage *s, uint32_t node)
{
    unsigned id = (unsigned)s->nodes[node].id;
    if (s->cluster == NULL)
        return ask(s, "kill -9", node) && await_answer(s, node, false);
    report_saw(&s->report, "kill -9 %ld (node %u)", (long)cluster_pid(s->cluster, node), id);
    cluster_kill(s->cluster, node);
    return true;
}

bool stage_restart(struct stage *s, uint32_t node)
{
    unsigned id = (unsigned)s->nodes[node].id;
    if (s->cluster == NULL)
        return ask(s, "start", node) && await_answer(s, node, true);
    char text[CLUSTER_TEXT_SIZE_MAX];
    uint64_t began_ns = moment_now_ns();
    if (cluster_restart(s->cluster, node, text) != 0) {
        report_break(&s->report, "node %u starts again\n%s", id, text);
        return false;
    }
    report_saw(&s->report, "node %u is ready again, pid %ld, after %.1f s", id,
               (long)cluster_pid(s->cluster, node),
               (double)(moment_now_ns() - began_ns) / (double)MOMENT_S);
    return true;
}
