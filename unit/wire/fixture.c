/* fixture.c -- see fixture.h. */
#include "fixture.h"

#include "base/mem.h"

int fixture_setup(void **state)
{
    static struct fixture f;
    f.buf = (struct buf){0};
    f.list = (struct wire_list){0};
    f.error = (struct wire_error){""};
    wire_arena_init(&f.arena);
    *state = &f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    buf_fini(&f->buf);
    wire_list_fini(&f->list);
    wire_arena_fini(&f->arena);
    return mem_outstanding() == 0 ? 0 : -1;
}
