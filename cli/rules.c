/* rules.c -- see rules.h. */
#include "cli/rules.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

#define RULE_SIZE_MAX 64

int rules_parse_direction(const char *text, enum wire_direction *out)
{
    static const enum wire_direction all[] = {WIRE_IN, WIRE_OUT, WIRE_BOTH};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcmp(text, rules_direction_name(all[i])) == 0) {
            *out = all[i];
            return 0;
        }
    }
    return ERR_INVALID;
}

const char *rules_direction_name(enum wire_direction direction)
{
    switch (direction) {
    case WIRE_IN:
        return "in";
    case WIRE_OUT:
        return "out";
    case WIRE_BOTH:
        break;
    }
    return "both";
}

static int parse_peer(const char *text, uint32_t *out)
{
    uint64_t number = 0;
    if (number_parse(text, &number) != 0 || number == 0 || number > UINT32_MAX)
        return ERR_INVALID;
    *out = (uint32_t)number;
    return 0;
}

/* One rule; the text is taken apart. */
static int parse_rule(char *text, struct wire_fault_rule *out)
{
    struct wire_fault_rule rule = {.direction = WIRE_BOTH};
    char *ratio = strchr(text, ':');
    if (ratio == NULL)
        return ERR_INVALID;
    *ratio++ = '\0';
    char *direction = strchr(ratio, ':');
    if (direction != NULL) {
        *direction++ = '\0';
        TRY(rules_parse_direction(direction, &rule.direction));
    }
    TRY(parse_peer(text, &rule.peer));
    TRY(text_parse_ratio(ratio, &rule.drop_ppm));
    *out = rule;
    return 0;
}

/* Two rules for the same messages contradict each other. */
static bool is_covered(const struct wire_set_faults *faults, const struct wire_fault_rule *rule)
{
    for (uint32_t i = 0; i < faults->rules_count; i++) {
        const struct wire_fault_rule *other = &faults->rules[i];
        if (other->peer == rule->peer && (other->direction & rule->direction) != 0)
            return true;
    }
    return false;
}

int rules_parse(const char *text, struct wire_set_faults *out, char message[RULES_MESSAGE_SIZE_MAX])
{
    struct wire_set_faults faults = {.replace = true};
    for (;;) {
        size_t size = strcspn(text, ",");
        char one[RULE_SIZE_MAX];
        struct wire_fault_rule rule;
        snprintf(one, sizeof(one), "%.*s", (int)size, text);
        if (size >= sizeof(one) || parse_rule(one, &rule) != 0) {
            snprintf(message, RULES_MESSAGE_SIZE_MAX,
                     "'%.*s' is no rule: write PEER:P or PEER:P:in or PEER:P:out, with P from 0 "
                     "to 1, as in \"2:1.0,3:0.5:in\", or clear",
                     size > 40 ? 40 : (int)size, text);
            return ERR_INVALID;
        }
        if (is_covered(&faults, &rule) || faults.rules_count == WIRE_FAULT_RULES_MAX) {
            snprintf(message, RULES_MESSAGE_SIZE_MAX, "there are two rules for node %" PRIu32,
                     rule.peer);
            return ERR_INVALID;
        }
        faults.rules[faults.rules_count] = rule;
        faults.rules_count++;
        if (text[size] == '\0')
            break;
        text += size + 1;
    }
    *out = faults;
    return 0;
}

uint32_t rules_parse_peers(const char *text, uint32_t out[WIRE_FAULT_RULES_MAX])
{
    uint32_t count = 0;
    for (;;) {
        size_t size = strcspn(text, ",");
        char one[RULE_SIZE_MAX];
        snprintf(one, sizeof(one), "%.*s", (int)size, text);
        if (size >= sizeof(one) || count == WIRE_FAULT_RULES_MAX ||
            parse_peer(one, &out[count]) != 0)
            return 0;
        for (uint32_t i = 0; i < count; i++) {
            if (out[i] == out[count])
                return 0;
        }
        count++;
        if (text[size] == '\0')
            return count;
        text += size + 1;
    }
}

char *rules_text(const struct wire_fault_rule *rule)
{
    char drop[40] = "";
    char delay[40] = "";
    char jitter[40] = "";
    char duplicate[40] = "";
    if (rule->drop_ppm > 0)
        snprintf(drop, sizeof(drop), " drop %g", rule->drop_ppm / 1e6);
    if (rule->delay_ms > 0)
        snprintf(delay, sizeof(delay), " delay %" PRIu32 "ms", rule->delay_ms);
    if (rule->jitter_ms > 0)
        snprintf(jitter, sizeof(jitter), " jitter %" PRIu32 "ms", rule->jitter_ms);
    if (rule->duplicate_ppm > 0)
        snprintf(duplicate, sizeof(duplicate), " duplicate %g", rule->duplicate_ppm / 1e6);
    return text_format("peer %" PRIu32 " %s:%s%s%s%s", rule->peer,
                       rules_direction_name(rule->direction), drop, delay, jitter, duplicate);
}
