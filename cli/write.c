/* write.c -- see write.h. */
#include "cli/write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "cli/text.h"

#define SHOWN_MAX 60
#define VALUE_SIZE_MAX (1024 * 1024)

enum cli_exit write_take_key(struct cli *cli, struct write *w)
{
    w->key = options_take(&cli->options, "key");
    if (w->key == NULL)
        return cli_usage(cli, "which key?");
    w->op.key = session_bytes(bytes_of(w->key));
    return CLI_OK;
}

static enum cli_exit write_read_file(struct cli *cli, struct write *w)
{
    const char *name = strcmp(w->value_file, "-") == 0 ? "the standard input" : w->value_file;
    int err = input_read(w->value_file, VALUE_SIZE_MAX, &w->file);
    if (err == ERR_FULL)
        return cli_usage(cli, "%s has more than %d bytes, the most that a value can have", name,
                         VALUE_SIZE_MAX);
    if (err != 0) {
        cli_complain(cli, "cannot read %s: %s", name,
                     err == ERR_IO ? strerror(errno) : err_text(err));
        return CLI_ERROR;
    }
    w->op.value = session_bytes(buf_bytes(&w->file));
    return CLI_OK;
}

enum cli_exit write_take_value(struct cli *cli, struct write *w)
{
    w->value_file = options_get(&cli->options, "value-file");
    w->value = options_get(&cli->options, "value");
    if (w->value_file != NULL && w->value != NULL)
        return cli_usage(cli, "--value and --value-file at once");
    if (w->value_file == NULL && w->value == NULL) {
        w->value = options_take(&cli->options, "value");
        if (w->value == NULL)
            return cli_usage(cli, "which value? (an argument, --value-file FILE, or -)");
        /* Only as an operand: --value - is a dash. */
        if (strcmp(w->value, "-") == 0) {
            w->value_file = "-";
            w->value = NULL;
        }
    }
    if (w->value_file != NULL)
        return write_read_file(cli, w);
    w->op.value = session_bytes(bytes_of(w->value));
    return CLI_OK;
}

void write_fini(struct write *w)
{
    buf_fini(&w->file);
}

/* ---- What came of it ----------------------------------------------------------------------- */

static void print_json(const struct write *w, const struct dkv_client *client,
                       const struct dkv_answer *a)
{
    json_t *object = json_object();
    char *client_id = text_client_id(session_bytes_of(dkv_client_id(client)));
    output_set(object, "key", output_json_bytes(session_bytes_of(w->op.key)));
    output_set(object, "applied", json_boolean(a->applied));
    output_set(object, "found", json_boolean(a->found));
    output_set(object, "duplicate", json_boolean(a->duplicate));
    if (a->omitted)
        output_set(object, "omitted", json_true());
    if (a->has_value)
        output_set(object, "value", output_json_bytes(session_bytes_of(a->value)));
    if (a->has_previous)
        output_set(object, "previous", output_json_bytes(session_bytes_of(a->previous)));
    output_set(object, "revision", output_json_u64(a->revision));
    output_set(object, "slot", output_json_u64(a->slot));
    output_set(object, "node", output_json_u64(a->node));
    output_set(object, "attempts", output_json_u64(a->attempts));
    output_set(object, "client_id", json_string(client_id));
    output_set(object, "op_id", output_json_u64(a->op_id));
    output_set(object, "floor", output_json_u64(a->floor));
    output_set(object, "born", output_json_u64(a->born));
    output_json(object);
    free(client_id);
}

/* In a word or two. */
static const char *outcome(const struct write *w, const struct dkv_answer *a)
{
    if (w->op.kind == DKV_DELETE)
        return a->applied ? "deleted" : "nothing to delete";
    return a->applied ? "OK" : "comparison failed";
}

static void print_table(const struct write *w, const struct dkv_answer *a)
{
    static const char *const heads[] = {"KEY",  "OUTCOME",  "REVISION", "SLOT",
                                        "NODE", "REPEATED", NULL};
    struct output_table t = {0};
    output_heads(&t, heads);
    output_cell(&t, text_printable(session_bytes_of(w->op.key), SHOWN_MAX));
    output_cell(&t, text_format("%s", outcome(w, a)));
    output_cell(&t, text_format("%" PRIu64, a->revision));
    output_cell(&t, text_format("%" PRIu64, a->slot));
    output_cell(&t, text_format("%" PRIu32, a->node));
    output_cell(&t, text_format("%s", a->duplicate ? "yes" : "no"));
    output_table(&t);
}

/* With --prev the value that was there, and nothing else; else a word. */
static void print_text(const struct cli *cli, const struct write *w, const struct dkv_answer *a)
{
    if (a->omitted)
        cli_complain(cli, "this was done before; its previous value was too long to be kept");
    else if (a->duplicate)
        cli_complain(cli, "this was done before, and is not done again");
    if (!w->op.want_previous)
        puts(outcome(w, a));
    else if (a->has_previous)
        output_value(session_bytes_of(a->previous));
    else if (!a->omitted)
        cli_complain(cli, "there was no value before");
}

static void complain_comparison(const struct cli *cli, const struct write *w,
                                const struct dkv_answer *a)
{
    char *key = text_printable(session_bytes_of(w->op.key), SHOWN_MAX);
    char *value = text_printable(session_bytes_of(a->previous), SHOWN_MAX);
    if (a->has_previous)
        cli_complain(cli, "comparison failed: '%s' has the value '%s'", key, value);
    else if (a->found)
        cli_complain(cli, "comparison failed: '%s' has another value", key);
    else
        cli_complain(cli, "comparison failed: there is no key '%s'", key);
    free(value);
    free(key);
}

static enum cli_exit print_answer(const struct cli *cli, const struct write *w,
                                  const struct dkv_client *client, const struct dkv_answer *a)
{
    bool has_failed = w->op.kind == DKV_CAS && !a->applied;
    switch (cli->format) {
    case OUTPUT_JSON:
        print_json(w, client, a);
        break;
    case OUTPUT_TABLE:
        print_table(w, a);
        break;
    case OUTPUT_TEXT:
        if (has_failed)
            complain_comparison(cli, w, a);
        else
            print_text(cli, w, a);
        break;
    }
    return has_failed ? CLI_COMPARISON : CLI_OK;
}

/* ---- What settles it ----------------------------------------------------------------------- */

/* " --flag value", of a shell. NULL: nothing. */
static void print_flag(const char *flag, const char *value)
{
    if (value == NULL)
        return;
    char *quoted = text_shell_quote(value);
    fprintf(stderr, " --%s %s", flag, quoted);
    free(quoted);
}

static void print_settling(const struct cli *cli, const struct write *w,
                           const struct dkv_client *client, const struct dkv_answer *a)
{
    char *program = text_shell_quote(cli->program);
    char *flags = session_flags(client, a);
    fputs("It may have been applied, or may be yet. This settles it, and applies it once:\n",
          stderr);
    fprintf(stderr, "  %s %s", program, cli->command->name);
    print_flag("endpoints", cli_endpoints(cli));
    print_flag("timeout", options_get(&cli->options, "timeout"));
    print_flag("key", w->key);
    if (w->op.expect == DKV_EXPECT_ABSENT)
        fputs(" --expect-absent", stderr);
    if (w->op.expect == DKV_EXPECT_REVISION)
        fprintf(stderr, " --expect-revision %" PRIu64, w->op.expected_revision);
    print_flag("expect", w->expect);
    print_flag("value", w->value);
    print_flag("value-file", w->value_file);
    fprintf(stderr, "%s %s\n", w->op.want_previous ? " --prev" : "", flags);
    if (w->value_file != NULL && strcmp(w->value_file, "-") == 0)
        fputs("with the same bytes on its standard input.\n", stderr);
    free(flags);
    free(program);
}

enum cli_exit write_run(struct cli *cli, struct write *w)
{
    struct dkv_client *client = NULL;
    w->op.want_previous = options_has(&cli->options, "prev");
    enum cli_exit code = cli_check_rest(cli);
    if (code == CLI_OK)
        code = session_open(cli, NULL, &client);
    if (code != CLI_OK) {
        write_fini(w);
        return code;
    }
    struct dkv_answer answer;
    interrupt_say("dkv-cli: interrupted; the write may have been applied, or may be yet: read the "
                  "key\n");
    dkv_execute(client, &w->op, &answer);
    interrupt_say(NULL);
    if (answer.status == DKV_OK) {
        code = print_answer(cli, w, client, &answer);
    } else {
        code = session_fail(cli, &answer);
        if (code == CLI_UNKNOWN)
            print_settling(cli, w, client, &answer);
    }
    dkv_answer_fini(&answer);
    dkv_close(client);
    write_fini(w);
    return code;
}
