/* ops.c -- see ops.h. */
#include "replica/ops.h"

#include <assert.h>
#include <string.h>

#include "base/pool.h"

int op_new(const struct replica_op *from, struct op **out_op)
{
    struct bytes data = from->kind == OP_WRITE ? from->command : from->key;
    assert(data.size > 0 && data.size <= VALUE_BYTES_MAX);
    struct op *op = pool_alloc(sizeof(*op) + data.size);
    if (op == NULL)
        return ERR_NO_MEMORY;
    *op = (struct op){
        .handle = from->handle,
        .min_slot = from->min_slot,
        .kind = from->kind,
        .size = (uint32_t)data.size,
    };
    list_init(&op->link);
    heap_node_init(&op->deadline);
    memcpy(op->data, data.data, data.size);
    *out_op = op;
    return 0;
}

void op_free(struct op *op)
{
    assert(list_is_empty(&op->link));
    pool_free(op, sizeof(*op) + op->size);
}

struct bytes op_data(const struct op *op)
{
    return (struct bytes){.data = op->data, .size = op->size};
}

/* How many writes from the head of `queue` fit, and how long their commands are together. */
static uint32_t batch_measure(struct list *queue, uint32_t bytes_max, size_t *out_size)
{
    uint32_t count = 0;
    *out_size = 0;
    for (struct list *l = queue->next; l != queue; l = l->next) {
        const struct op *op = LIST_ENTRY(l, struct op, link);
        if (count > 0 && *out_size + op->size > bytes_max)
            break;
        *out_size += op->size;
        count++;
    }
    return count;
}

int batch_gather(struct list *queue, struct list *reads, uint32_t bytes_max, struct tag tag,
                 struct batch **out_batch)
{
    assert(!list_is_empty(queue) || !list_is_empty(reads));
    size_t size = 0;
    uint32_t count = batch_measure(queue, bytes_max, &size);
    struct batch *b = pool_alloc(sizeof(*b));
    if (b == NULL)
        return ERR_NO_MEMORY;
    *b = (struct batch){.writes_count = count};
    enum value_kind kind = count > 0 ? VALUE_BATCH : VALUE_BARRIER;
    int err = value_new_unwritten(kind, tag, size, &b->value);
    if (err != 0) {
        pool_free(b, sizeof(*b));
        return err;
    }
    list_init(&b->writes);
    list_init(&b->reads);
    list_init(&b->link);
    uint8_t *at = b->value->data;
    for (uint32_t i = 0; i < count; i++) {
        struct op *op = LIST_ENTRY(queue->next, struct op, link);
        list_remove(&op->link);
        list_push_back(&b->writes, &op->link);
        op->proposed = true;
        memcpy(at, op->data, op->size);
        at += op->size;
    }
    list_splice_back(&b->reads, reads);
    *out_batch = b;
    return 0;
}

void batch_free(struct batch *b)
{
    if (b == NULL)
        return;
    assert(list_is_empty(&b->writes));
    assert(list_is_empty(&b->reads));
    value_unref(b->value);
    pool_free(b, sizeof(*b));
}
