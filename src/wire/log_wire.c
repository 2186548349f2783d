/* log_wire.c -- see log_wire.h. */
#include "wire/log_wire.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "dkv/v1/admin.pb-c.h"
#include "wire/pack.h"

/* Numbers of fields that are taken apart by hand. */
#define LOG_SLOTS 1
#define LOG_NEXT 2
#define LOG_APPLIED 3
#define LOG_CHOSEN_TO 4

/* A batch of 64 KiB has at most some 7,000 commands of 7 fields each. */
#define SLOT_FIELDS_MAX ((size_t)65536)

int wire_encode_log_request(const struct wire_log_request *r, struct buf *out)
{
    Dkv__V1__FetchLogRequest m = DKV__V1__FETCH_LOG_REQUEST__INIT;
    m.from = r->from;
    m.to = r->to;
    m.limit = r->limit;
    return wire_pack(&m.base, out);
}

int wire_decode_log_request(struct bytes in, struct wire_arena *arena,
                            struct wire_log_request *out_request, struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__fetch_log_request__descriptor, in, WIRE_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__FetchLogRequest *m = unpacked;
    if (m->from > WIRE_NUMBER_MAX || m->to > WIRE_NUMBER_MAX)
        return wire_refuse(error, "from or to is above %" PRIu64, WIRE_NUMBER_MAX);
    if (m->to != 0 && m->to < m->from)
        return wire_refuse(error, "to is %" PRIu64 "; it is at least from, %" PRIu64 ", or 0",
                           m->to, m->from);
    *out_request = (struct wire_log_request){.from = m->from, .to = m->to, .limit = m->limit};
    return 0;
}

int wire_log_commands(struct bytes batch, struct wire_arena *arena,
                      const struct wire_log_command **out_commands, size_t *out_count)
{
    uint32_t count;
    TRY(batch_check(batch, &count));
    struct wire_error unused;
    void *array;
    wire_arena_begin(arena, (count + 1) * sizeof(struct wire_log_command));
    TRY(wire_array(arena, count, sizeof(struct wire_log_command), &array, &unused));
    struct wire_log_command *commands = array;
    for (uint32_t i = 0; i < count; i++) {
        struct command c;
        TRY(command_decode(&batch, &c));
        size_t shown = c.value.size;
        if (shown > WIRE_VALUE_SHOWN_MAX)
            shown = WIRE_VALUE_SHOWN_MAX;
        commands[i] = (struct wire_log_command){
            .kind = c.kind,
            .key = c.key,
            .value_size = c.value.size,
            .value = bytes_slice(c.value, 0, shown),
            .client_id = c.client_id,
            .op_id = c.op_id,
        };
    }
    *out_commands = commands;
    *out_count = count;
    return 0;
}

static void put_command(const struct wire_log_command *c, Dkv__V1__CommandInfo *m)
{
    *m = (Dkv__V1__CommandInfo)DKV__V1__COMMAND_INFO__INIT;
    m->kind = (Dkv__V1__CommandKind)c->kind;
    m->key = wire_binary(c->key);
    m->value_size = c->value_size;
    m->value = wire_binary(c->value);
    m->client_id = wire_binary(c->client_id);
    m->op_id = c->op_id;
}

/* NULL for none. */
static Dkv__V1__BallotInfo *put_ballot(struct ballot b, Dkv__V1__BallotInfo *m)
{
    if (ballot_is_none(b))
        return NULL;
    *m = (Dkv__V1__BallotInfo)DKV__V1__BALLOT_INFO__INIT;
    m->round = b.round;
    m->node = b.node;
    m->boot = b.boot;
    return m;
}

/* `commands` and `pointers` have room for all of the slot's. */
static int add_slot(struct wire_list *answer, const struct wire_log_slot *s,
                    Dkv__V1__CommandInfo *commands, Dkv__V1__CommandInfo **pointers)
{
    Dkv__V1__SlotInfo m = DKV__V1__SLOT_INFO__INIT;
    Dkv__V1__BallotInfo promised;
    Dkv__V1__BallotInfo accepted;
    uint32_t voters[MEMBERS_MAX];
    m.slot = s->slot;
    m.chosen = s->chosen;
    m.learnt = s->learnt;
    m.promised = put_ballot(s->promised, &promised);
    m.accepted = put_ballot(s->accepted, &accepted);
    m.value_kind = (Dkv__V1__ValueKind)s->value_kind;
    m.tag_node = s->tag.node;
    m.tag_boot = s->tag.boot;
    m.tag_sequence = s->tag.sequence;
    m.value_size = s->value_size;
    for (size_t i = 0; i < s->commands_count; i++) {
        put_command(&s->commands[i], &commands[i]);
        pointers[i] = &commands[i];
    }
    m.n_commands = s->commands_count;
    m.commands = pointers;
    memcpy(voters, s->voters, sizeof(voters));
    m.n_voters = s->voters_count;
    m.voters = voters;
    return wire_list_add(answer, LOG_SLOTS, &m.base);
}

int wire_log_add(struct wire_list *answer, const struct wire_log_slot *s)
{
    assert(s->voters_count <= MEMBERS_MAX);
    if (s->commands_count == 0)
        return add_slot(answer, s, NULL, NULL);
    Dkv__V1__CommandInfo *commands = mem_alloc(s->commands_count * sizeof(*commands));
    Dkv__V1__CommandInfo **pointers = mem_alloc(s->commands_count * sizeof(*pointers));
    int err = ERR_NO_MEMORY;
    if (commands != NULL && pointers != NULL)
        err = add_slot(answer, s, commands, pointers);
    mem_free(pointers);
    mem_free(commands);
    return err;
}

int wire_log_end(struct wire_list *answer, uint64_t next, uint64_t applied, uint64_t chosen_to)
{
    Dkv__V1__FetchLogResponse end = DKV__V1__FETCH_LOG_RESPONSE__INIT;
    end.next = next;
    end.applied = applied;
    end.chosen_to = chosen_to;
    return wire_pack(&end.base, &answer->buf);
}

int wire_log_begin(struct bytes in, struct wire_log *out_log, struct wire_error *error)
{
    if (in.size > WIRE_MESSAGE_SIZE_MAX)
        return wire_refuse(error, "answer has %zu bytes; it has at most %zu", in.size,
                           WIRE_MESSAGE_SIZE_MAX);
    struct wire_log l = {.rest = in};
    struct bytes rest = in;
    while (rest.size > 0) {
        struct field f;
        TRY(wire_take_field(&rest, &f, error));
        if (f.type != FIELD_VARINT)
            continue;
        if (f.number == LOG_NEXT)
            l.next = f.varint;
        else if (f.number == LOG_APPLIED)
            l.applied = f.varint;
        else if (f.number == LOG_CHOSEN_TO)
            l.chosen_to = f.varint;
    }
    *out_log = l;
    return 0;
}

static struct ballot take_ballot(const Dkv__V1__BallotInfo *m)
{
    if (m == NULL)
        return (struct ballot){0};
    return (struct ballot){.round = m->round, .node = m->node, .boot = m->boot};
}

static int take_commands(const Dkv__V1__SlotInfo *m, struct wire_arena *arena,
                         struct wire_log_slot *out, struct wire_error *error)
{
    void *array;
    TRY(wire_array(arena, m->n_commands, sizeof(struct wire_log_command), &array, error));
    struct wire_log_command *commands = array;
    for (size_t i = 0; i < m->n_commands; i++) {
        const Dkv__V1__CommandInfo *in = m->commands[i];
        if (in->kind < DKV__V1__COMMAND_KIND__COMMAND_KIND_PUT ||
            in->kind > DKV__V1__COMMAND_KIND__COMMAND_KIND_CAS)
            return wire_refuse(error, "command kind %d is unknown", (int)in->kind);
        commands[i] = (struct wire_log_command){
            .kind = (enum command_kind)in->kind,
            .key = wire_bytes(in->key),
            .value_size = in->value_size,
            .value = wire_bytes(in->value),
            .client_id = wire_bytes(in->client_id),
            .op_id = in->op_id,
        };
    }
    out->commands = commands;
    out->commands_count = m->n_commands;
    return 0;
}

int wire_log_next(struct wire_log *l, struct wire_arena *arena, struct wire_log_slot *out_slot,
                  struct wire_error *error)
{
    struct bytes raw;
    const void *unpacked;
    TRY(wire_list_next(&l->rest, LOG_SLOTS, &raw, error));
    TRY(wire_unpack(&dkv__v1__slot_info__descriptor, raw, SLOT_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__SlotInfo *m = unpacked;
    int kind = (int)m->value_kind;
    if (kind < 0 || kind > VALUE_BATCH)
        return wire_refuse(error, "value kind %d is unknown", kind);
    if (m->n_voters > MEMBERS_MAX)
        return wire_refuse(error, "slot has %zu voters; it has at most %d", m->n_voters,
                           MEMBERS_MAX);
    struct wire_log_slot s = {
        .slot = m->slot,
        .chosen = m->chosen != 0,
        .learnt = m->learnt != 0,
        .promised = take_ballot(m->promised),
        .accepted = take_ballot(m->accepted),
        .value_kind = (enum value_kind)kind,
        .tag = {.node = m->tag_node, .boot = m->tag_boot, .sequence = m->tag_sequence},
        .value_size = m->value_size,
        .voters_count = (uint32_t)m->n_voters,
    };
    for (size_t i = 0; i < m->n_voters; i++)
        s.voters[i] = m->voters[i];
    TRY(take_commands(m, arena, &s, error));
    *out_slot = s;
    return 0;
}
