/* heap_test.c -- the heap against a naive twin that looks for the minimum. */
#include "../unit.h"

#include "base/heap.h"
#include "base/mem.h"
#include "base/prng.h"

#define NODES 200

static void test_against_naive_twin(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 1);
    struct heap heap = {0};
    struct heap_node nodes[NODES];
    for (int i = 0; i < NODES; i++)
        heap_node_init(&nodes[i]);
    for (int step = 0; step < 20000; step++) {
        struct heap_node *node = &nodes[prng_below(&prng, NODES)];
        if (node->index == HEAP_NOWHERE)
            assert_int_equal(heap_push(&heap, node, prng_below(&prng, 50)), 0);
        else
            heap_remove(&heap, node);
        uint64_t lowest = UINT64_MAX;
        for (int i = 0; i < NODES; i++) {
            if (nodes[i].index != HEAP_NOWHERE && nodes[i].key < lowest)
                lowest = nodes[i].key;
        }
        struct heap_node *min = heap_min(&heap);
        assert_int_equal(min == NULL ? UINT64_MAX : min->key, lowest);
    }
    heap_fini(&heap);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_without_memory(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct heap_node node;
    heap_node_init(&node);
    mem_fail_after(0);
    assert_int_equal(heap_push(&heap, &node, 1), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_null(heap_min(&heap));
    assert_int_equal(node.index, HEAP_NOWHERE);
    heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_naive_twin),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
