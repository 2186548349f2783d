/*
 * zk_load.c -- `dkv-cli bench` with ZooKeeper for a target.
 *
 *     zk-load put --endpoints localhost:2181,localhost:2182,localhost:2183 --clients 64 -o json
 *
 * The flags, the generator and the report are those of dkv-cli: only who is asked differs. That is
 * why this program, which is no part of the product, has a target_find of its own: the linker takes
 * it instead of the one in cli/bench/target_find.c.
 */
#include <string.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "target_zookeeper.h"

const struct target_kind *target_find(const char *name)
{
    /* "dkv" is what the command takes to be meant when nothing is said. */
    bool is_known = strcmp(name, "zookeeper") == 0 || strcmp(name, "dkv") == 0;
    return is_known ? &target_zookeeper : NULL;
}

int main(int argc, char **argv)
{
    interrupt_catch();
    struct cli cli = {.program = argv[0], .command = &command_bench};
    return cli_end("zk-load", cli_run(&cli, argc - 1, argv + 1));
}
