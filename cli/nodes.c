/* nodes.c -- see nodes.h. */
#include "cli/nodes.h"

enum cli_exit nodes_open(const struct cli *cli, enum nodes_choice choice, struct nodes *out)
{
    struct endpoints endpoints;
    struct nodes nodes = {0};
    uint32_t timeout_ms = 0;
    const char *why = NULL;
    bool is_chosen = options_has(&cli->options, "endpoints");
    if (choice == NODES_CHOSEN && !is_chosen)
        return cli_usage(cli, "which node? Name it with --addr HOST:PORT");
    if (endpoints_parse(cli_endpoints(cli), &endpoints, &why) != 0)
        return cli_usage(cli, "%s, not '%s'", why, cli_endpoints(cli));
    if (cli_timeout(cli, NODES_TIMEOUT_MS, &timeout_ms) != 0)
        return CLI_USAGE;
    if (choice == NODES_FIRST && !is_chosen)
        endpoints.count = 1;
    enum dkv_status status = dkv_io_open(&nodes.io);
    while (status == DKV_OK && nodes.count < endpoints.count) {
        status = admin_open(nodes.io, endpoints.addresses[nodes.count], timeout_ms,
                            &nodes.admins[nodes.count]);
        nodes.count += status == DKV_OK;
    }
    if (status == DKV_OK) {
        *out = nodes;
        return CLI_OK;
    }
    nodes_close(&nodes);
    cli_complain(cli, "%s", dkv_status_text(status));
    return exit_of_status(status);
}

void nodes_close(struct nodes *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        admin_close(n->admins[i]);
    dkv_io_close(n->io);
    *n = (struct nodes){0};
}

enum cli_exit nodes_fail(const struct cli *cli, const struct admin *a, enum dkv_status status,
                         const struct admin_error *error)
{
    cli_complain(cli, "%s: %s: %s", admin_address(a), dkv_status_text(status), error->text);
    return exit_of_status(status);
}

json_t *nodes_json(const struct admin *a)
{
    json_t *object = json_object();
    output_set(object, "endpoint", json_string(admin_address(a)));
    return object;
}

json_t *nodes_json_error(const struct admin *a, const struct admin_error *error)
{
    json_t *object = nodes_json(a);
    output_set(object, "error", output_json_bytes(bytes_of(error->text)));
    return object;
}
