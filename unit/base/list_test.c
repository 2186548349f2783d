/* list_test.c -- the links of a list agree with each other, forwards and backwards. */
#include "../unit.h"

#include "base/list.h"
#include "base/prng.h"

struct item {
    int padding; /* So that the link is not at offset 0. */
    int number;
    struct list link;
};

/* The list holds exactly these numbers, in this order, whichever way one walks. */
static void assert_holds(struct list *head, const int *numbers, size_t count)
{
    struct list *at = head->next;
    for (size_t i = 0; i < count; i++, at = at->next) {
        assert_ptr_not_equal(at, head);
        assert_ptr_equal(at->prev->next, at);
        assert_int_equal(LIST_ENTRY(at, struct item, link)->number, numbers[i]);
    }
    assert_ptr_equal(at, head);
    assert_ptr_equal(head->prev->next, head);
    assert_int_equal(list_is_empty(head), count == 0);
}

static void items_init(struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        items[i].number = (int)i;
        list_init(&items[i].link);
    }
}

static void test_push_and_remove(void **state)
{
    (void)state;
    struct item items[4];
    struct list head;
    items_init(items, 4);
    list_init(&head);
    assert_holds(&head, NULL, 0);

    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[2].link);
    list_push_front(&head, &items[0].link);
    list_insert_before(&items[2].link, &items[3].link);
    assert_holds(&head, (const int[]){0, 1, 3, 2}, 4);

    list_remove(&items[3].link);
    list_remove(&items[3].link); /* Harmless. */
    assert_holds(&head, (const int[]){0, 1, 2}, 3);
    assert_true(list_is_empty(&items[3].link));

    list_remove(&items[0].link);
    list_remove(&items[2].link);
    list_remove(&items[1].link);
    assert_holds(&head, NULL, 0);
}

static void test_splice(void **state)
{
    (void)state;
    struct item items[4];
    struct list a;
    struct list b;
    items_init(items, 4);
    list_init(&a);
    list_init(&b);

    list_splice_back(&a, &b);
    assert_holds(&a, NULL, 0);

    list_push_back(&b, &items[0].link);
    list_push_back(&b, &items[1].link);
    list_splice_back(&a, &b);
    assert_holds(&a, (const int[]){0, 1}, 2);
    assert_holds(&b, NULL, 0);

    list_push_back(&b, &items[2].link);
    list_push_back(&b, &items[3].link);
    list_splice_back(&a, &b);
    assert_holds(&a, (const int[]){0, 1, 2, 3}, 4);

    list_splice_back(&a, &b);
    assert_holds(&a, (const int[]){0, 1, 2, 3}, 4);
    assert_holds(&b, NULL, 0);
}

/* The naive twin is an array. */
static void test_as_an_array(void **state)
{
    (void)state;
    struct item items[16];
    int twin[16];
    size_t count = 0;
    struct list head;
    struct prng p;
    items_init(items, 16);
    list_init(&head);
    prng_init(&p, 11);
    for (int turn = 0; turn < 5000; turn++) {
        int n = (int)prng_below(&p, 16);
        size_t at = 0;
        while (at < count && twin[at] != n)
            at++;
        if (at < count) {
            list_remove(&items[n].link);
            for (count--; at < count; at++)
                twin[at] = twin[at + 1];
        } else if (prng_chance(&p, 500000)) {
            list_push_back(&head, &items[n].link);
            twin[count++] = n;
        } else {
            list_push_front(&head, &items[n].link);
            for (size_t i = count++; i > 0; i--)
                twin[i] = twin[i - 1];
            twin[0] = n;
        }
        assert_holds(&head, twin, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_and_remove),
        cmocka_unit_test(test_splice),
        cmocka_unit_test(test_as_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
