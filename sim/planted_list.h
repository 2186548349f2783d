/*
 * planted_list.h -- the planted bugs by name, and the modes in which they exist.
 */
#ifndef DKV_SIM_PLANTED_LIST_H
#define DKV_SIM_PLANTED_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/planted.h"

struct planted_name {
    enum planted bug;
    const char *name;
    bool classic;
    bool coordinated;
};

extern const struct planted_name planted_list[];
extern const size_t planted_list_count;

/* PLANTED_NONE: there is no such name. */
enum planted planted_find(const char *name);
const char *planted_name(enum planted bug);

#endif
