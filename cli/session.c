/* session.c -- see session.h. */
#include "cli/session.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/text.h"
#include "client/endpoints.h"

#define CLIENT_ID_SIZE_MAX 64
#define NUMBER_MAX (UINT64_C(1) << 62) /* As far as the protocol counts. */

struct dkv_bytes session_bytes(struct bytes b)
{
    return (struct dkv_bytes){.data = b.data, .size = b.size};
}

struct bytes session_bytes_of(struct dkv_bytes b)
{
    return (struct bytes){.data = b.data, .size = b.size};
}

/* client_id stays in `room`. */
static enum cli_exit session_read_flags(const struct cli *cli, struct dkv_options *out,
                                        uint8_t room[CLIENT_ID_SIZE_MAX])
{
    const char *client_id = options_get(&cli->options, "client-id");
    size_t size = 0;
    if (client_id == NULL) {
        static const char *const others[] = {"op-id", "floor", "born"};
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
            if (options_has(&cli->options, others[i]))
                return cli_usage(cli, "--%s means nothing without --client-id", others[i]);
        }
        return CLI_OK;
    }
    if (text_parse_client_id(client_id, room, CLIENT_ID_SIZE_MAX, &size) != 0)
        return cli_usage(cli, "--client-id takes 1 to 64 characters, or hex:00ff..., not '%s'",
                         client_id);
    out->client_id = (struct dkv_bytes){.data = room, .size = size};
    out->first_op_id = 1;
    if (cli_number(cli, "op-id", 1, NUMBER_MAX, &out->first_op_id) != 0 ||
        cli_number(cli, "floor", 1, out->first_op_id, &out->floor) != 0 ||
        cli_number(cli, "born", 0, NUMBER_MAX, &out->born) != 0)
        return CLI_USAGE;
    out->born_is_given = options_has(&cli->options, "born");
    return CLI_OK;
}

enum cli_exit session_open(const struct cli *cli, struct dkv_io *io, struct dkv_client **out_client)
{
    struct dkv_options options = {.endpoints = cli_endpoints(cli), .io = io};
    uint8_t room[CLIENT_ID_SIZE_MAX];
    struct endpoints endpoints;
    const char *why = NULL;
    if (endpoints_parse(options.endpoints, &endpoints, &why) != 0)
        return cli_usage(cli, "%s, not '%s'", why, options.endpoints);
    if (cli_timeout(cli, SESSION_TIMEOUT_MS, &options.timeout_ms) != 0)
        return CLI_USAGE;
    if ((cli->command->flags & COMMAND_SESSION) != 0) {
        enum cli_exit code = session_read_flags(cli, &options, room);
        if (code != CLI_OK)
            return code;
    }
    enum dkv_status status = dkv_open(&options, out_client);
    if (status == DKV_OK)
        return CLI_OK;
    cli_complain(cli, "%s", dkv_status_text(status));
    return exit_of_status(status);
}

enum cli_exit session_fail(const struct cli *cli, const struct dkv_answer *answer)
{
    cli_complain(cli, "%s: %s", dkv_status_text(answer->status), answer->text);
    return exit_of_status(answer->status);
}

char *session_flags(const struct dkv_client *client, const struct dkv_answer *answer)
{
    char *id = text_client_id(session_bytes_of(dkv_client_id(client)));
    char *quoted = text_shell_quote(id);
    char *flags =
        text_format("--client-id %s --op-id %" PRIu64 " --floor %" PRIu64 " --born %" PRIu64,
                    quoted, answer->op_id, answer->floor, answer->born);
    free(quoted);
    free(id);
    return flags;
}
