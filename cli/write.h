/*
 * write.h -- what put, append, delete and cas have in common.
 */
#ifndef DKV_CLI_WRITE_H
#define DKV_CLI_WRITE_H

#include "base/bytes.h"
#include "cli/table.h"

struct write {
    struct dkv_op op;
    const char *key;
    const char *value;      /* As it was written, or NULL. */
    const char *value_file; /* Or where it comes from, or NULL. */
    const char *expect;     /* cas, or NULL. */
    struct buf file;        /* What value_file has. */
};

/* --key or the next operand. Other than CLI_OK: complained. */
enum cli_exit write_take_key(struct cli *cli, struct write *w);

/* --value, --value-file or the next operand, of which "-" is the standard input. As above. */
enum cli_exit write_take_value(struct cli *cli, struct write *w);

/* Do it, print what came of it, and free w. */
enum cli_exit write_run(struct cli *cli, struct write *w);

/* To free a write that is not run. */
void write_fini(struct write *w);

#endif
