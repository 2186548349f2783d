/* message.c -- see message.h. */
#define _GNU_SOURCE
#include "rpc/message.h"

#include <assert.h>
#include <string.h>

#include <grpc/byte_buffer_reader.h>
#include <grpc/support/alloc.h>

#include "base/pool.h"
#include "rpc/poller_impl.h"

/* A slice of up to 23 bytes holds them in itself: the result points into `slice`. */
static struct bytes rpc_slice_bytes(const grpc_slice *slice)
{
    return (struct bytes){
        .data = slice->refcount != NULL ? slice->data.refcounted.bytes : slice->data.inlined.bytes,
        .size = GRPC_SLICE_LENGTH(*slice),
    };
}

void rpc_message_init(struct rpc_message *m, grpc_byte_buffer *buffer)
{
    assert(buffer != NULL);
    *m = (struct rpc_message){.buffer = buffer, .joined = grpc_empty_slice()};
    const grpc_slice_buffer *pieces = &buffer->data.raw.slice_buffer;
    if (pieces->count == 0)
        return;
    if (pieces->count == 1) {
        m->bytes = rpc_slice_bytes(&pieces->slices[0]);
        return;
    }
    grpc_byte_buffer_reader reader;
    int ok = grpc_byte_buffer_reader_init(&reader, buffer);
    assert(ok != 0); /* Only compressed ones fail, and we accept none. */
    (void)ok;
    m->joined = grpc_byte_buffer_reader_readall(&reader);
    m->bytes = rpc_slice_bytes(&m->joined);
    grpc_byte_buffer_reader_destroy(&reader);
}

void rpc_message_fini(struct rpc_message *m)
{
    grpc_slice_unref(m->joined);
    grpc_byte_buffer_destroy(m->buffer);
    m->bytes = (struct bytes){0};
}

/* Memory that a slice holds; on its way, it has its size with it. */
struct moved {
    void *data;
    size_t capacity;
};

static void moved_free(void *of_slice)
{
    struct moved *m = of_slice;
    rpc_handover_receive(m);
    pool_free(m->data, m->capacity);
    pool_free(m, sizeof(*m));
}

/* The memory of b moves into it, or is copied if there is none for that. */
static grpc_slice rpc_slice_from_buf(struct buf *b)
{
    if (b->size == 0) {
        buf_fini(b);
        return grpc_empty_slice();
    }
    struct moved *m = pool_alloc(sizeof(*m));
    if (m == NULL) {
        grpc_slice copy = grpc_slice_from_copied_buffer((const char *)b->data, b->size);
        buf_fini(b);
        return copy;
    }
    *m = (struct moved){.data = b->data, .capacity = b->capacity};
    rpc_handover_send(m);
    grpc_slice slice = grpc_slice_new_with_user_data(b->data, b->size, moved_free, m);
    *b = (struct buf){0};
    return slice;
}

grpc_byte_buffer *rpc_message_from_buf(struct buf *b)
{
    grpc_slice slice = rpc_slice_from_buf(b);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice); /* The buffer took a reference of its own. */
    return buffer;
}

/* Up to here a copy takes a microsecond or two, and what it saves are two locks of the heap. */
#define MESSAGE_COPY_MAX ((size_t)32 * 1024)

grpc_byte_buffer *rpc_message_copy_buf(struct buf *b)
{
    if (b->size == 0 || b->size > MESSAGE_COPY_MAX)
        return rpc_message_from_buf(b);
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)b->data, b->size);
    buf_clear(b);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

grpc_slice rpc_slice_from_text(const char *text, size_t size_max)
{
    return text == NULL ? grpc_empty_slice()
                        : grpc_slice_from_copied_buffer(text, strnlen(text, size_max));
}

void rpc_text_copy(char *out_text, size_t size, const char *text)
{
    assert(size > 0);
    size_t n = strnlen(text, size - 1);
    memcpy(out_text, text, n);
    out_text[n] = '\0';
}

void rpc_text_from_slice(grpc_slice slice, char *out_text, size_t size)
{
    assert(size > 0);
    struct bytes b = rpc_slice_bytes(&slice);
    size_t n = b.size < size ? b.size : size - 1;
    if (n > 0)
        memcpy(out_text, b.data, n);
    out_text[n] = '\0';
}

void rpc_text_from_metadata(const grpc_metadata_array *metadata, const char *key, char *out_text,
                            size_t size)
{
    assert(size > 0);
    out_text[0] = '\0';
    for (size_t i = 0; i < metadata->count; i++) {
        const grpc_metadata *m = &metadata->metadata[i];
        if (grpc_slice_str_cmp(m->key, key) == 0) {
            rpc_text_from_slice(m->value, out_text, size);
            return;
        }
    }
}

void rpc_text_from_peer(grpc_call *call, char *out_text, size_t size)
{
    char *peer = grpc_call_get_peer(call);
    rpc_text_copy(out_text, size, peer);
    gpr_free(peer);
}

grpc_arg rpc_arg(const char *key, int value)
{
    /* The library never writes to a key, but its struct does not say so. */
    union {
        const char *in;
        char *out;
    } name = {.in = key};
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = name.out, .value.integer = value};
}
