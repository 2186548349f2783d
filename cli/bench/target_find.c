/* target_find.c -- the targets that dkv-cli knows; see target.h. */
#include <stddef.h>
#include <string.h>

#include "cli/bench/target.h"

const struct target_kind *target_find(const char *name)
{
    static const struct target_kind *const kinds[] = {&target_dkv, &target_etcd};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    }
    return NULL;
}
