/* target.c -- see target.h. */
#include "cli/bench/target.h"

bool target_supports(const struct target_kind *kind, enum target_consistency consistency)
{
    return consistency != TARGET_QUORUM || kind->has_quorum_reads;
}

int target_open(const struct target_kind *kind, const struct target_options *options,
                struct target **out_target)
{
    struct target_options all = *options;
    if (all.attempt_timeout_ms == 0)
        all.attempt_timeout_ms = kind->attempt_timeout_ms;
    return kind->open(&all, out_target);
}
