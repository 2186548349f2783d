/* status.c -- dkv-cli status: how far each node is, and how it gets on with the others. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/nodes.h"
#include "cli/text.h"

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *json_ids(const uint32_t *ids, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(array, output_json_u64(ids[i]));
    return array;
}

struct number {
    const char *name;
    uint64_t value;
};

static void set_numbers(json_t *object, const struct number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        output_set(object, numbers[i].name, output_json_u64(numbers[i].value));
}

static json_t *json_peer(const struct wire_peer_status *p)
{
    const struct number numbers[] = {
        {"applied", p->applied},   {"chosen_to", p->chosen_to}, {"lag", p->lag},
        {"sent", p->sent},         {"dropped", p->dropped},     {"faulted", p->faulted},
        {"position", p->position},
    };
    json_t *object = json_object();
    output_set(object, "id", output_json_u64(p->id));
    output_set(object, "address", output_json_bytes(bytes_of(p->address)));
    output_set(object, "connected", json_boolean(p->connected));
    output_set(object, "accepted", json_boolean(p->accepted));
    output_set(object, "refused", output_json_bytes(bytes_of(p->refused)));
    set_numbers(object, numbers, sizeof(numbers) / sizeof(numbers[0]));
    return object;
}

static json_t *json_status(const struct admin *a, const struct wire_status *s)
{
    const struct number numbers[] = {
        {"boot", s->boot},
        {"applied", s->applied},
        {"chosen_to", s->chosen_to},
        {"frontier", s->frontier},
        {"durable_applied", s->durable_applied},
        {"position", s->position},
        {"reserved_to", s->reserved_to},
        {"revision", s->revision},
        {"keys", s->keys},
        {"clients", s->clients},
        {"queued_ops", s->queued_ops},
        {"queued_bytes", s->queued_bytes},
        {"state_bytes", s->state_bytes},
        {"log_bytes", s->log_bytes},
        {"disk_bytes", s->disk_bytes},
        {"uptime_ms", s->uptime_ms},
    };
    json_t *object = nodes_json(a);
    char hash[17];
    snprintf(hash, sizeof(hash), "%016" PRIx64, s->state_hash);
    output_set(object, "node", output_json_u64(s->id));
    output_set(object, "cluster", output_json_bytes(bytes_of(s->cluster)));
    output_set(object, "mode", json_string(mode_name(s->mode)));
    output_set(object, "version", output_json_bytes(bytes_of(s->version)));
    output_set(object, "members", json_ids(s->members.ids, s->members.count));
    output_set(object, "admitted", json_boolean(s->admitted));
    output_set(object, "awaited", json_ids(s->awaited, s->awaited_count));
    output_set(object, "state_hash", json_string(hash));
    set_numbers(object, numbers, sizeof(numbers) / sizeof(numbers[0]));
    json_t *peers = json_array();
    for (uint32_t i = 0; i < s->peers_count; i++) {
        if (s->peers[i].id != s->id)
            json_array_append_new(peers, json_peer(&s->peers[i]));
    }
    output_set(object, "peers", peers);
    return object;
}

/* ---- Table --------------------------------------------------------------------------------- */

static const char *const heads[] = {"ENDPOINT",   "NODE",     "PEERS", "APPLIED",
                                    "CHOSEN",     "FRONTIER", "KEYS",  "HASH",
                                    "STATE_SIZE", "UPTIME",   NULL};

static char *uptime_text(uint64_t ms)
{
    uint64_t s = ms / 1000;
    if (s < 3600)
        return text_format("%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    return text_format("%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
}

static uint32_t peers_connected(const struct wire_status *s)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->peers_count; i++)
        count += s->peers[i].id != s->id && s->peers[i].connected && s->peers[i].accepted;
    return count;
}

static void add_row(struct output_table *t, const struct admin *a, const struct wire_status *s)
{
    output_cell(t, text_format("%s", admin_address(a)));
    output_cell(t, text_format("%" PRIu32, s->id));
    output_cell(t,
                text_format("%" PRIu32 " of %" PRIu32, peers_connected(s), s->members.count - 1));
    output_cell(t, text_format("%" PRIu64, s->applied));
    output_cell(t, text_format("%" PRIu64, s->chosen_to));
    output_cell(t, text_format("%" PRIu64, s->frontier));
    output_cell(t, text_format("%" PRIu64, s->keys));
    output_cell(t, text_format("%016" PRIx64, s->state_hash));
    output_cell(t, text_size(s->state_bytes));
    output_cell(t, uptime_text(s->uptime_ms));
}

static void add_error_row(struct output_table *t, const struct admin *a)
{
    output_cell(t, text_format("%s", admin_address(a)));
    for (size_t i = 1; heads[i] != NULL; i++)
        output_cell(t, text_format("-"));
}

/* ---- Text ---------------------------------------------------------------------------------- */

static void print_peer(const struct wire_peer_status *p)
{
    char *address = text_printable(bytes_of(p->address), SIZE_MAX);
    char *refused = text_printable(bytes_of(p->refused), SIZE_MAX);
    printf("  peer %" PRIu32 "    %s, ", p->id, address);
    if (*refused != '\0')
        printf("%s\n", refused);
    else if (!p->connected || !p->accepted)
        printf("%s\n", p->connected ? "not accepted yet" : "not connected");
    else
        printf("applied %" PRIu64 ", %" PRIu64 " behind\n", p->applied, p->lag);
    if (p->dropped > 0 || p->faulted > 0)
        printf("            %" PRIu64 " messages dropped by a full queue, %" PRIu64
               " by fault rules\n",
               p->dropped, p->faulted);
    free(refused);
    free(address);
}

static void print_text(const struct admin *a, const struct wire_status *s)
{
    char *uptime = uptime_text(s->uptime_ms);
    char *state = text_size(s->state_bytes);
    char *log = text_size(s->log_bytes);
    char *disk = text_size(s->disk_bytes);
    char *cluster = text_printable(bytes_of(s->cluster), SIZE_MAX);
    printf("node %" PRIu32 " at %s\n", s->id, admin_address(a));
    printf("  cluster   %s, %" PRIu32 " members, %s mode; version %s, start %" PRIu64
           ", up for %s\n",
           cluster, s->members.count, mode_name(s->mode), s->version, s->boot, uptime);
    if (!s->admitted) {
        printf("  awaits   ");
        for (uint32_t i = 0; i < s->awaited_count; i++)
            printf(" %" PRIu32, s->awaited[i]);
        printf(" (a new directory votes once they know it)\n");
    }
    printf("  log       applied %" PRIu64 ", chosen to %" PRIu64 ", frontier %" PRIu64
           ", checkpoint at %" PRIu64 "\n",
           s->applied, s->chosen_to, s->frontier, s->durable_applied);
    if (s->mode == MODE_COORDINATED)
        printf("  own slots next %" PRIu64 ", reserved to %" PRIu64 "\n", s->position,
               s->reserved_to);
    printf("  state     %" PRIu64 " keys, %" PRIu64 " clients, revision %" PRIu64
           ", hash %016" PRIx64 "\n",
           s->keys, s->clients, s->revision, s->state_hash);
    printf("  memory    state %s, log %s; disk %s; %" PRIu64 " operations under way\n", state, log,
           disk, s->queued_ops);
    for (uint32_t i = 0; i < s->peers_count; i++) {
        if (s->peers[i].id != s->id)
            print_peer(&s->peers[i]);
    }
    free(cluster);
    free(disk);
    free(log);
    free(state);
    free(uptime);
}

/* ---- The command --------------------------------------------------------------------------- */

struct report {
    enum output_format format;
    json_t *json;
    struct output_table table;
};

static void report_node(struct report *r, const struct admin *a, const struct wire_status *s)
{
    switch (r->format) {
    case OUTPUT_JSON:
        json_array_append_new(r->json, json_status(a, s));
        break;
    case OUTPUT_TABLE:
        add_row(&r->table, a, s);
        break;
    case OUTPUT_TEXT:
        print_text(a, s);
        break;
    }
}

static enum cli_exit run(struct cli *cli)
{
    struct nodes nodes;
    if (cli_check_rest(cli) != CLI_OK)
        return CLI_USAGE;
    enum cli_exit code = nodes_open(cli, NODES_ALL, &nodes);
    if (code != CLI_OK)
        return code;
    struct report report = {.format = cli->format, .json = json_array()};
    output_heads(&report.table, heads);
    for (uint32_t i = 0; i < nodes.count; i++) {
        struct wire_status s;
        struct admin_error error;
        enum dkv_status status = admin_status(nodes.admins[i], &s, &error);
        if (status == DKV_OK) {
            report_node(&report, nodes.admins[i], &s);
            continue;
        }
        code = nodes_fail(cli, nodes.admins[i], status, &error);
        json_array_append_new(report.json, nodes_json_error(nodes.admins[i], &error));
        add_error_row(&report.table, nodes.admins[i]);
    }
    if (cli->format == OUTPUT_JSON)
        output_json(json_incref(report.json));
    if (cli->format == OUTPUT_TABLE)
        output_table(&report.table);
    else
        output_table_fini(&report.table);
    json_decref(report.json);
    nodes_close(&nodes);
    return code;
}

const struct command_entry command_status = {
    .name = "status",
    .family = FAMILY_CLUSTER,
    .summary = "show how far each node is, and how it gets on with the others",
    .usage = "status [flags]",
    .examples = "dkv-cli status\n"
                "dkv-cli status -o table\n"
                "dkv-cli status --addr localhost:5001 -o json",
    .notes = "Nodes that have applied the same slot have the same hash.\n"
             "Exit code 4: a node that was asked does not answer.",
    .flags = COMMAND_CLUSTER,
    .run = run,
};
