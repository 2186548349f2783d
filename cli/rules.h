/*
 * rules.h -- fault rules as people write them.
 *
 *     2:1.0                 everything from and to node 2 is dropped
 *     2:0.5:in,3:1:out      half of what comes from node 2, all that goes to node 3
 */
#ifndef DKV_CLI_RULES_H
#define DKV_CLI_RULES_H

#include "base/err.h"
#include "client/admin.h"

#define RULES_MESSAGE_SIZE_MAX 256

/*
 * "PEER:P[:in|out],...", replacing all earlier rules. ERR_INVALID: message says which one is wrong
 * and what a rule looks like.
 */
int rules_parse(const char *text, struct wire_set_faults *out,
                char message[RULES_MESSAGE_SIZE_MAX]) MUST_CHECK;

/* "1", "1,2,3": ids of nodes, > 0, each once. Their number, or 0. */
uint32_t rules_parse_peers(const char *text, uint32_t out[WIRE_FAULT_RULES_MAX]);

/* "in", "out", "both". ERR_INVALID. */
int rules_parse_direction(const char *text, enum wire_direction *out) MUST_CHECK;

const char *rules_direction_name(enum wire_direction direction);

/* "peer 2 in: drop 0.5, delay 50 ms". To be freed. */
char *rules_text(const struct wire_fault_rule *rule);

#endif
