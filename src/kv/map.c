/* map.c -- see map.h. */
#include "kv/map.h"

#include <assert.h>
#include <string.h>

#include "base/be.h"
#include "base/mem.h"

#define ENTRIES_MAX 63
#define ENTRIES_MIN 31 /* Of a node that is not the root: (ENTRIES_MAX - 1) / 2. */

/* So many bytes that keys have in common are looked for: the head of a node is a cache line. */
#define PREFIX_MAX 52

/*
 * children[i] holds what is below entries[i], children[count] what is above all.
 *
 * Entries lie all over the memory, and to look at one is to wait for it. So a node holds what all
 * its keys begin with, and of each the 8 bytes behind that, as a number: they tell it from its
 * neighbours, most likely. Where they are equal, and only there, keys are compared.
 */
struct map_node {
    uint32_t count;
    uint32_t prefix_size;
    bool is_leaf; /* Has no room for children. */
    uint8_t prefix[PREFIX_MAX];
    uint64_t heads[ENTRIES_MAX];
    struct entry *entries[ENTRIES_MAX];
    struct map_node *children[]; /* ENTRIES_MAX + 1 */
};

static struct map_node *node_new(bool is_leaf)
{
    size_t children = is_leaf ? 0 : ENTRIES_MAX + 1;
    struct map_node *n = mem_alloc(sizeof(*n) + children * sizeof(n->children[0]));
    if (n == NULL)
        return NULL;
    n->count = 0;
    n->prefix_size = 0;
    n->is_leaf = is_leaf;
    return n;
}

/* ---- Heads --------------------------------------------------------------------------------- */

/* The 8 bytes behind the prefix; zeros behind the end of the key. They are in the order of keys. */
static uint64_t node_head(const struct map_node *n, struct bytes key)
{
    uint8_t head[8] = {0};
    assert(key.size >= n->prefix_size);
    struct bytes rest = bytes_slice(key, n->prefix_size, key.size - n->prefix_size);
    if (rest.size > 0)
        memcpy(head, rest.data, rest.size < sizeof(head) ? rest.size : sizeof(head));
    return be64_load(head);
}

static struct bytes node_prefix(const struct map_node *n)
{
    return (struct bytes){.data = n->prefix, .size = n->prefix_size};
}

static bool node_shares_prefix(const struct map_node *n, struct bytes key)
{
    return key.size >= n->prefix_size &&
           bytes_equal(bytes_slice(key, 0, n->prefix_size), node_prefix(n));
}

/* What the first and the last one begin with all begin with. */
static void node_reindex(struct map_node *n)
{
    assert(n->count > 0);
    struct bytes first = entry_key(n->entries[0]);
    struct bytes last = entry_key(n->entries[n->count - 1]);
    uint32_t size = 0;
    while (size < PREFIX_MAX && size < first.size && size < last.size &&
           first.data[size] == last.data[size])
        size++;
    n->prefix_size = size;
    memcpy(n->prefix, first.data, size);
    for (uint32_t i = 0; i < n->count; i++)
        n->heads[i] = node_head(n, entry_key(n->entries[i]));
}

/* e takes the place i, whose head is not that of its key yet. The others' are right. */
static void node_set(struct map_node *n, uint32_t i, struct entry *e)
{
    n->entries[i] = e;
    if (node_shares_prefix(n, entry_key(e)))
        n->heads[i] = node_head(n, entry_key(e));
    else
        node_reindex(n);
}

/* The number of keys in n below `key`; whether the next one is `key` itself. */
static uint32_t node_search(const struct map_node *n, struct bytes key, bool *out_equal)
{
    uint32_t low = 0;
    uint32_t high = n->count;
    *out_equal = false;
    if (!node_shares_prefix(n, key))
        return bytes_cmp(node_prefix(n), key) > 0 ? 0 : n->count;
    uint64_t head = node_head(n, key);
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = n->heads[middle] < head ? -1 : 1;
        if (n->heads[middle] == head)
            order = bytes_cmp(entry_key(n->entries[middle]), key);
        if (order == 0) {
            *out_equal = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Make or close a gap of one, in the entries or in the children of n. */
static void entries_shift(struct map_node *n, uint32_t to, uint32_t from)
{
    memmove(&n->entries[to], &n->entries[from], (n->count - from) * sizeof(n->entries[0]));
    memmove(&n->heads[to], &n->heads[from], (n->count - from) * sizeof(n->heads[0]));
}

/* In a node that is not full. */
static void entries_insert(struct map_node *n, uint32_t i, struct entry *e)
{
    assert(n->count < ENTRIES_MAX);
    entries_shift(n, i + 1, i);
    n->count++;
    node_set(n, i, e);
}

static struct entry *entries_take(struct map_node *n, uint32_t i)
{
    assert(i < n->count);
    struct entry *e = n->entries[i];
    entries_shift(n, i, i + 1);
    n->count--;
    return e;
}

static void children_shift(struct map_node *n, uint32_t to, uint32_t from)
{
    memmove(&n->children[to], &n->children[from], (n->count + 1 - from) * sizeof(n->children[0]));
}

/* ---- Reading ------------------------------------------------------------------------------- */

struct entry **map_find(const struct map *m, struct bytes key)
{
    struct map_node *n = m->root;
    while (n != NULL) {
        bool equal;
        uint32_t i = node_search(n, key, &equal);
        if (equal)
            return &n->entries[i];
        n = n->is_leaf ? NULL : n->children[i];
    }
    return NULL;
}

struct entry *map_seek(const struct map *m, struct bytes key)
{
    struct entry *above = NULL;
    const struct map_node *n = m->root;
    while (n != NULL) {
        bool equal;
        uint32_t i = node_search(n, key, &equal);
        if (i < n->count)
            above = n->entries[i];
        if (equal)
            return above;
        n = n->is_leaf ? NULL : n->children[i];
    }
    return above;
}

/* ---- Inserting ----------------------------------------------------------------------------- */

/* Split the full children[i] of n, which is not full, around its middle entry. */
static int node_split(struct map_node *n, uint32_t i)
{
    struct map_node *left = n->children[i];
    assert(left->count == ENTRIES_MAX);
    assert(n->count < ENTRIES_MAX);
    struct map_node *right = node_new(left->is_leaf);
    if (right == NULL)
        return ERR_NO_MEMORY;

    memcpy(right->entries, &left->entries[ENTRIES_MIN + 1], ENTRIES_MIN * sizeof(n->entries[0]));
    if (!left->is_leaf)
        memcpy(right->children, &left->children[ENTRIES_MIN + 1],
               (ENTRIES_MIN + 1) * sizeof(n->children[0]));
    left->count = ENTRIES_MIN;
    right->count = ENTRIES_MIN;
    node_reindex(left); /* They may have more in common now. */
    node_reindex(right);

    children_shift(n, i + 2, i + 1);
    n->children[i + 1] = right;
    entries_insert(n, i, left->entries[ENTRIES_MIN]);
    return 0;
}

/* A root that is not full. */
static int root_make_room(struct map *m)
{
    if (m->root != NULL && m->root->count < ENTRIES_MAX)
        return 0;
    struct map_node *root = node_new(m->root == NULL);
    if (root == NULL)
        return ERR_NO_MEMORY;
    if (m->root != NULL) {
        root->children[0] = m->root;
        int err = node_split(root, 0);
        if (err != 0) {
            mem_free(root);
            return err;
        }
    }
    m->root = root;
    return 0;
}

int map_insert(struct map *m, struct entry *e)
{
    struct bytes key = entry_key(e);
    bool equal;
    TRY(root_make_room(m));
    struct map_node *n = m->root;
    uint32_t i = node_search(n, key, &equal);
    assert(!equal);
    while (!n->is_leaf) {
        if (n->children[i]->count == ENTRIES_MAX) {
            TRY(node_split(n, i));
            if (bytes_cmp(entry_key(n->entries[i]), key) < 0)
                i++;
        }
        n = n->children[i];
        i = node_search(n, key, &equal);
        assert(!equal);
    }
    entries_insert(n, i, e);
    m->count++;
    return 0;
}

/* ---- Removing ------------------------------------------------------------------------------ */

/* children[i], the entry between and children[i + 1] become one node, full: children[i]. */
static struct map_node *node_merge(struct map_node *n, uint32_t i)
{
    struct map_node *left = n->children[i];
    struct map_node *right = n->children[i + 1];
    assert(left->count == ENTRIES_MIN && right->count == ENTRIES_MIN);

    left->entries[ENTRIES_MIN] = n->entries[i];
    memcpy(&left->entries[ENTRIES_MIN + 1], right->entries, ENTRIES_MIN * sizeof(n->entries[0]));
    if (!left->is_leaf)
        memcpy(&left->children[ENTRIES_MIN + 1], right->children,
               (ENTRIES_MIN + 1) * sizeof(n->children[0]));
    left->count = ENTRIES_MAX;
    node_reindex(left);

    children_shift(n, i + 1, i + 2);
    (void)entries_take(n, i);
    mem_free(right);
    return left;
}

/* children[i] gets one entry by way of n from its left neighbour, which has one to spare. */
static void node_borrow_left(struct map_node *n, uint32_t i)
{
    struct map_node *left = n->children[i - 1];
    struct map_node *child = n->children[i];
    if (!child->is_leaf) {
        children_shift(child, 1, 0);
        child->children[0] = left->children[left->count];
    }
    entries_insert(child, 0, n->entries[i - 1]);
    node_set(n, i - 1, entries_take(left, left->count - 1));
}

/* The mirror image. */
static void node_borrow_right(struct map_node *n, uint32_t i)
{
    struct map_node *right = n->children[i + 1];
    struct map_node *child = n->children[i];
    if (!child->is_leaf) {
        child->children[child->count + 1] = right->children[0];
        children_shift(right, 0, 1);
    }
    entries_insert(child, child->count, n->entries[i]);
    node_set(n, i, entries_take(right, 0));
}

/*
 * The node that now holds what children[i] held, with more than the minimum in it: so that one
 * may be taken out below. n may lose one, and is not at its minimum unless it is the root.
 */
static struct map_node *node_fill(struct map_node *n, uint32_t i)
{
    struct map_node *child = n->children[i];
    if (child->count > ENTRIES_MIN)
        return child;
    if (i > 0 && n->children[i - 1]->count > ENTRIES_MIN)
        node_borrow_left(n, i);
    else if (i < n->count && n->children[i + 1]->count > ENTRIES_MIN)
        node_borrow_right(n, i);
    else
        child = node_merge(n, i < n->count ? i : i - 1);
    assert(child->count > ENTRIES_MIN);
    return child;
}

static struct entry *node_take_first(struct map_node *n)
{
    while (!n->is_leaf)
        n = node_fill(n, 0);
    return entries_take(n, 0);
}

static struct entry *node_take_last(struct map_node *n)
{
    while (!n->is_leaf)
        n = node_fill(n, n->count);
    return entries_take(n, n->count - 1);
}

/*
 * entries[i] of the inner node n is to go. A neighbour from below takes its place, and
 * *out_removed is set; or it went down into the node that is returned, and is to be removed there.
 */
static struct map_node *inner_remove(struct map_node *n, uint32_t i, struct entry **out_removed)
{
    struct map_node *left = n->children[i];
    struct map_node *right = n->children[i + 1];
    struct entry *removed = n->entries[i];
    if (left->count > ENTRIES_MIN)
        node_set(n, i, node_take_last(left));
    else if (right->count > ENTRIES_MIN)
        node_set(n, i, node_take_first(right));
    else
        return node_merge(n, i);
    *out_removed = removed;
    return NULL;
}

struct entry *map_remove(struct map *m, struct bytes key)
{
    struct entry *removed = NULL;
    struct map_node *n = m->root;
    while (n != NULL) {
        bool equal;
        uint32_t i = node_search(n, key, &equal);
        if (n->is_leaf) {
            if (equal)
                removed = entries_take(n, i);
            break;
        }
        n = equal ? inner_remove(n, i, &removed) : node_fill(n, i);
    }

    struct map_node *root = m->root;
    if (root != NULL && root->count == 0) {
        m->root = root->is_leaf ? NULL : root->children[0];
        mem_free(root);
    }
    if (removed != NULL)
        m->count--;
    return removed;
}

/* ---- The whole ----------------------------------------------------------------------------- */

/* Recursion is as deep as the tree: 13 levels of 32 children would be 10^19 entries. */
static void node_free(struct map_node *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        entry_unref(n->entries[i]);
    for (uint32_t i = 0; !n->is_leaf && i <= n->count; i++)
        node_free(n->children[i]);
    mem_free(n);
}

void map_fini(struct map *m)
{
    if (m->root != NULL)
        node_free(m->root);
    *m = (struct map){0};
}

struct walk {
    const struct entry *last;
    uint64_t count;
    uint32_t leaf_depth; /* Of the first leaf; 0 before it was met. */
};

static bool entry_follows(const struct entry *e, struct walk *w)
{
    bool follows = w->last == NULL || bytes_cmp(entry_key(w->last), entry_key(e)) < 0;
    w->last = e;
    w->count++;
    return follows;
}

static bool node_knows(const struct map_node *n, uint32_t i)
{
    struct bytes key = entry_key(n->entries[i]);
    return node_shares_prefix(n, key) && n->heads[i] == node_head(n, key);
}

static bool node_is_valid(const struct map_node *n, uint32_t depth, struct walk *w)
{
    if (n->count > ENTRIES_MAX || n->count < (depth == 1 ? 1 : ENTRIES_MIN))
        return false;
    if (n->is_leaf) {
        if (w->leaf_depth == 0)
            w->leaf_depth = depth;
        if (w->leaf_depth != depth)
            return false;
    }
    for (uint32_t i = 0; i <= n->count; i++) {
        if (!n->is_leaf && !node_is_valid(n->children[i], depth + 1, w))
            return false;
        if (i < n->count && !(entry_follows(n->entries[i], w) && node_knows(n, i)))
            return false;
    }
    return true;
}

bool map_is_valid(const struct map *m)
{
    struct walk w = {0};
    if (m->root != NULL && !node_is_valid(m->root, 1, &w))
        return false;
    return w.count == m->count;
}
