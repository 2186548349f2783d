/* get.c -- dkv-cli get. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/text.h"

#define SHOWN_MAX 60 /* Bytes of a key or value in a table or a message. */

static void print_json(struct bytes key, const struct dkv_answer *a)
{
    json_t *object = json_object();
    output_set(object, "key", output_json_bytes(key));
    output_set(object, "found", json_boolean(a->found));
    if (a->found) {
        output_set(object, "value", output_json_bytes(session_bytes_of(a->value)));
        output_set(object, "mod_revision", output_json_u64(a->mod_revision));
        output_set(object, "create_revision", output_json_u64(a->create_revision));
        output_set(object, "version", output_json_u64(a->version));
    }
    output_set(object, "revision", output_json_u64(a->revision));
    output_set(object, "slot", output_json_u64(a->slot));
    output_set(object, "node", output_json_u64(a->node));
    output_json(object);
}

static void print_table(struct bytes key, const struct dkv_answer *a)
{
    static const char *const heads[] = {
        "KEY", "VALUE", "BYTES", "MOD_REVISION", "CREATED_REVISION", "VERSION", "NODE", NULL};
    struct output_table t = {0};
    output_heads(&t, heads);
    if (a->found) {
        output_cell(&t, text_printable(key, SHOWN_MAX));
        output_cell(&t, text_printable(session_bytes_of(a->value), SHOWN_MAX));
        output_cell(&t, text_format("%zu", a->value.size));
        output_cell(&t, text_format("%" PRIu64, a->mod_revision));
        output_cell(&t, text_format("%" PRIu64, a->create_revision));
        output_cell(&t, text_format("%" PRIu64, a->version));
        output_cell(&t, text_format("%" PRIu32, a->node));
    }
    output_table(&t);
}

static enum cli_exit print_answer(const struct cli *cli, struct bytes key,
                                  const struct dkv_answer *a)
{
    switch (cli->format) {
    case OUTPUT_JSON:
        print_json(key, a);
        break;
    case OUTPUT_TABLE:
        print_table(key, a);
        break;
    case OUTPUT_TEXT:
        if (a->found)
            output_value(session_bytes_of(a->value));
        break;
    }
    if (a->found)
        return CLI_OK;
    if (cli->format == OUTPUT_TEXT) {
        char *shown = text_printable(key, SHOWN_MAX);
        cli_complain(cli, "there is no key '%s'", shown);
        free(shown);
    }
    return CLI_NOT_FOUND;
}

static bool consistency_parse(const char *text, enum dkv_consistency *out)
{
    static const struct {
        const char *name;
        enum dkv_consistency value;
    } names[] = {
        {"barrier", DKV_LINEARIZABLE},
        {"quorum", DKV_QUORUM},
        {"sequential", DKV_SEQUENTIAL},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i].name) == 0) {
            *out = names[i].value;
            return true;
        }
    }
    return false;
}

static enum cli_exit run(struct cli *cli)
{
    const char *key = options_take(&cli->options, "key");
    const char *consistency = options_get(&cli->options, "consistency");
    if (key == NULL)
        return cli_usage(cli, "which key?");
    if (cli_check_rest(cli) != CLI_OK)
        return CLI_USAGE;
    struct dkv_op op = {.kind = DKV_GET, .key = session_bytes(bytes_of(key))};
    if (consistency != NULL && !consistency_parse(consistency, &op.consistency))
        return cli_usage(cli, "--consistency takes barrier, quorum or sequential, not '%s'",
                         consistency);

    struct dkv_client *client = NULL;
    enum cli_exit code = session_open(cli, NULL, &client);
    if (code != CLI_OK)
        return code;
    struct dkv_answer answer;
    dkv_execute(client, &op, &answer);
    code = answer.status == DKV_OK ? print_answer(cli, bytes_of(key), &answer)
                                   : session_fail(cli, &answer);
    dkv_answer_fini(&answer);
    dkv_close(client);
    return code;
}

static const struct option options[] = {
    {.name = "key", .argument = "KEY", .help = "instead of the argument"},
    {.name = "consistency",
     .argument = "barrier|quorum|sequential",
     .help = "barrier (the default) sees every write answered before; so does quorum, which asks a "
             "majority; sequential is what one node has"},
};

const struct command_entry command_get = {
    .name = "get",
    .family = FAMILY_DATA,
    .summary = "print the value of a key",
    .usage = "get KEY [flags]",
    .examples = "dkv-cli get greeting\n"
                "dkv-cli get greeting -o json\n"
                "dkv-cli get photo > photo.jpg\n"
                "dkv-cli get --addr localhost:5002 --key greeting --consistency sequential",
    .notes = "A pipe or a file gets exactly the bytes of the value. Exit code 3: no such key.",
    .flags = COMMAND_CLUSTER,
    .options = options,
    .options_count = sizeof(options) / sizeof(options[0]),
    .run = run,
};
