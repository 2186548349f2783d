#include "node/faults.h"

#include <assert.h>
#include <string.h>

#include "node/monotime.h"

void faults_init(struct faults *f, uint64_t seed)
{
    memset(f, 0, sizeof(*f));
    prng_init(&f->prng, seed);
}

static bool fault_is_none(const struct fault *f)
{
    return f->drop_ppm == 0 && f->delay_ms == 0 && f->jitter_ms == 0 && f->duplicate_ppm == 0;
}

static int rule_check(const struct fault_rule *r, const struct members *members, uint32_t self_id)
{
    if (r->peer == self_id || members_index(members, r->peer) == MEMBER_NONE)
        return ERR_NOT_FOUND;
    if (r->direction < FAULT_IN || r->direction > FAULT_BOTH)
        return ERR_INVALID;
    if (r->drop_ppm > FAULTS_PPM_MAX || r->duplicate_ppm > FAULTS_PPM_MAX)
        return ERR_INVALID;
    if (r->delay_ms > FAULTS_DELAY_MS_MAX || r->jitter_ms > FAULTS_DELAY_MS_MAX)
        return ERR_INVALID;
    return 0;
}

static void forget_rules(struct faults *f)
{
    memset(f->in, 0, sizeof(f->in));
    memset(f->out, 0, sizeof(f->out));
    f->any = false;
}

int faults_set(struct faults *f, const struct members *members, uint32_t self_id,
               const struct fault_rule *rules, size_t count, bool replace, uint32_t *out_peer)
{
    for (size_t i = 0; i < count; i++) {
        int err = rule_check(&rules[i], members, self_id);
        if (err != 0) {
            *out_peer = rules[i].peer;
            return err;
        }
    }
    if (replace)
        forget_rules(f);
    for (size_t i = 0; i < count; i++) {
        const struct fault_rule *r = &rules[i];
        uint32_t index = members_index(members, r->peer);
        struct fault fault = {r->drop_ppm, r->delay_ms, r->jitter_ms, r->duplicate_ppm};
        if (((unsigned)r->direction & FAULT_IN) != 0)
            f->in[index] = fault;
        if (((unsigned)r->direction & FAULT_OUT) != 0)
            f->out[index] = fault;
    }
    f->any = false;
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        f->any = f->any || !fault_is_none(&f->in[i]) || !fault_is_none(&f->out[i]);
    return 0;
}

void faults_clear(struct faults *f)
{
    forget_rules(f);
}

static struct fault_rule rule_of(uint32_t peer, enum fault_direction direction,
                                 const struct fault *f)
{
    return (struct fault_rule){
        .peer = peer,
        .direction = direction,
        .drop_ppm = f->drop_ppm,
        .delay_ms = f->delay_ms,
        .jitter_ms = f->jitter_ms,
        .duplicate_ppm = f->duplicate_ppm,
    };
}

size_t faults_get(const struct faults *f, const struct members *members,
                  struct fault_rule out_rules[FAULTS_RULES_MAX])
{
    size_t n = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        uint32_t id = members->ids[i];
        const struct fault *in = &f->in[i];
        const struct fault *out = &f->out[i];
        if (!fault_is_none(in) && memcmp(in, out, sizeof(*in)) == 0) {
            out_rules[n++] = rule_of(id, FAULT_BOTH, in);
            continue;
        }
        if (!fault_is_none(in))
            out_rules[n++] = rule_of(id, FAULT_IN, in);
        if (!fault_is_none(out))
            out_rules[n++] = rule_of(id, FAULT_OUT, out);
    }
    assert(n <= FAULTS_RULES_MAX);
    return n;
}

static uint64_t roll_delay_ns(struct faults *f, const struct fault *rule)
{
    uint64_t delay_ns = rule->delay_ms * MONOTIME_MS;
    if (rule->jitter_ms > 0)
        delay_ns += prng_below(&f->prng, rule->jitter_ms * MONOTIME_MS + 1);
    return delay_ns;
}

struct fault_fate faults_roll(struct faults *f, uint32_t peer_index, enum fault_direction direction)
{
    assert(peer_index < MEMBERS_MAX);
    assert(direction == FAULT_IN || direction == FAULT_OUT);
    struct fault_fate fate = {.copies = 1};
    if (!f->any)
        return fate;
    const struct fault *rule = direction == FAULT_IN ? &f->in[peer_index] : &f->out[peer_index];
    if (fault_is_none(rule))
        return fate;
    if (prng_chance(&f->prng, rule->drop_ppm)) {
        f->dropped[peer_index]++;
        fate.copies = 0;
        return fate;
    }
    if (prng_chance(&f->prng, rule->duplicate_ppm)) {
        f->duplicated++;
        fate.copies = 2;
    }
    for (uint32_t i = 0; i < fate.copies; i++)
        fate.delay_ns[i] = roll_delay_ns(f, rule);
    if (fate.delay_ns[0] > 0 || fate.delay_ns[1] > 0)
        f->delayed++;
    return fate;
}

void faults_overflow(struct faults *f, uint32_t peer_index)
{
    assert(peer_index < MEMBERS_MAX);
    f->dropped[peer_index]++;
}

uint64_t faults_dropped(const struct faults *f)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        sum += f->dropped[i];
    return sum;
}
