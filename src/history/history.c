/* history.c -- see history.h. */
#include "history/history.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define HISTORY_BLOCK_BYTES ((size_t)64 * 1024)

/* Bytes are carved off the first block; a block never moves. Invariant: used <= size. */
struct history_block {
    struct history_block *next;
    size_t size;
    size_t used;
    uint8_t data[];
};

void history_init(struct history *h)
{
    *h = (struct history){0};
}

void history_fini(struct history *h)
{
    if (h == NULL)
        return;
    while (h->blocks != NULL) {
        struct history_block *next = h->blocks->next;
        mem_free(h->blocks);
        h->blocks = next;
    }
    mem_free(h->ops);
    history_init(h);
}

/* Let *b point at a copy that h owns. What an error leaves behind in a block is freed with h. */
static int history_copy(struct history *h, struct bytes *b)
{
    if (b->size == 0) {
        b->data = NULL;
        return 0;
    }
    struct history_block *block = h->blocks;
    if (block == NULL || block->size - block->used < b->size) {
        size_t size = b->size > HISTORY_BLOCK_BYTES ? b->size : HISTORY_BLOCK_BYTES;
        block = mem_alloc(sizeof(*block) + size);
        if (block == NULL)
            return ERR_NO_MEMORY;
        *block = (struct history_block){.next = h->blocks, .size = size};
        h->blocks = block;
    }
    uint8_t *copy = block->data + block->used;
    memcpy(copy, b->data, b->size);
    block->used += b->size;
    assert(block->used <= block->size);
    b->data = copy;
    return 0;
}

static bool history_call_is_valid(const struct history_call *c)
{
    bool writes = c->kind == HISTORY_PUT || c->kind == HISTORY_APPEND || c->kind == HISTORY_CAS;
    if (c->kind < HISTORY_GET || c->kind > HISTORY_CAS || c->call_ns == HISTORY_NEVER)
        return false;
    if (c->key.size > HISTORY_BYTES_MAX || c->value.size > HISTORY_BYTES_MAX ||
        c->expect.size > HISTORY_BYTES_MAX || c->client_id.size > HISTORY_BYTES_MAX)
        return false;
    if (!writes && c->value.size > 0)
        return false;
    if (c->expect_found && c->kind != HISTORY_CAS)
        return false;
    return c->expect_found || c->expect.size == 0;
}

static bool history_answer_is_valid(const struct history_call *c, const struct history_answer *a)
{
    if (a->outcome > HISTORY_FAIL || a->output.size > HISTORY_BYTES_MAX)
        return false;
    if (a->return_ns < c->call_ns)
        return false;
    if (!a->has_output && a->output.size > 0)
        return false;
    if (a->outcome != HISTORY_UNKNOWN && a->return_ns == HISTORY_NEVER)
        return false;
    if (a->outcome != HISTORY_OK)
        return true; /* Nobody looks at the rest. */
    if (c->kind == HISTORY_GET)
        return a->has_found && a->has_output == a->found;
    bool previous = a->has_output && c->kind != HISTORY_APPEND;
    return !(previous && a->has_found && !a->found);
}

bool history_op_is_valid(const struct history_op *op)
{
    return history_call_is_valid(&op->call) && history_answer_is_valid(&op->call, &op->answer);
}

bool history_op_is_change(const struct history_op *op)
{
    if (op->answer.outcome != HISTORY_OK)
        return false;
    switch (op->call.kind) {
    case HISTORY_PUT:
    case HISTORY_APPEND:
        return true;
    case HISTORY_DELETE:
        return op->answer.has_found && op->answer.found;
    case HISTORY_CAS:
        return op->answer.applied;
    case HISTORY_GET:
        break;
    }
    return false;
}

int history_begin(struct history *h, const struct history_call *call, size_t *out_index)
{
    const struct history_op op = {
        .call = *call,
        .answer = {.outcome = HISTORY_UNKNOWN, .return_ns = HISTORY_NEVER},
    };
    TRY(history_add(h, &op));
    *out_index = h->count - 1;
    return 0;
}

int history_end(struct history *h, size_t index, const struct history_answer *answer)
{
    assert(index < h->count);
    struct history_op *op = &h->ops[index];
    assert(op->answer.outcome == HISTORY_UNKNOWN && op->answer.return_ns == HISTORY_NEVER);
    assert(history_answer_is_valid(&op->call, answer));
    struct bytes output = answer->output;
    TRY(history_copy(h, &output));
    op->answer = *answer;
    op->answer.output = output;
    return 0;
}

int history_add(struct history *h, const struct history_op *op)
{
    assert(history_op_is_valid(op));
    if (h->count == HISTORY_OPS_MAX)
        return ERR_NO_MEMORY;
    void *ops = h->ops;
    TRY(mem_reserve(&ops, &h->capacity, h->count + 1, sizeof(*h->ops)));
    h->ops = ops;
    struct history_op copy = *op;
    TRY(history_copy(h, &copy.call.key));
    TRY(history_copy(h, &copy.call.value));
    TRY(history_copy(h, &copy.call.expect));
    TRY(history_copy(h, &copy.call.client_id));
    TRY(history_copy(h, &copy.answer.output));
    h->ops[h->count++] = copy;
    return 0;
}
