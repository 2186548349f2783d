/*
 * nodes.h -- commands that ask nodes one by one, each about itself.
 */
#ifndef DKV_CLI_NODES_H
#define DKV_CLI_NODES_H

#include "cli/table.h"
#include "client/admin.h"
#include "client/endpoints.h"

#define NODES_TIMEOUT_MS 3000

/* The nodes that a command is about, with a connection to each. All zero is none. */
struct nodes {
    struct dkv_io *io;
    struct admin *admins[ENDPOINTS_MAX];
    uint32_t count;
};

enum nodes_choice {
    NODES_ALL,    /* Every endpoint. */
    NODES_FIRST,  /* Those of --endpoints; without it the first of the others. */
    NODES_CHOSEN, /* Those of --endpoints, which must be there. */
};

/* Other than CLI_OK: complained, and nothing is open. */
enum cli_exit nodes_open(const struct cli *cli, enum nodes_choice choice,
                         struct nodes *out) MUST_CHECK;
void nodes_close(struct nodes *n);

/* Complain that a node did not do it, and say by which code to leave. */
enum cli_exit nodes_fail(const struct cli *cli, const struct admin *a, enum dkv_status status,
                         const struct admin_error *error);

/* {"endpoint":…,"error":…} */
json_t *nodes_json_error(const struct admin *a, const struct admin_error *error);

/* {"endpoint":…} */
json_t *nodes_json(const struct admin *a);

#endif
