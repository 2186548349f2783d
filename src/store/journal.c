/* journal.c -- see journal.h. docs/disk-format.md shows a frame to the byte. */
#define _GNU_SOURCE
#include "store/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/be.h"
#include "base/hash.h"
#include "base/mem.h"

#define VERSION 1
#define HEADER_SIZE 40
#define RECORD_OVERHEAD 7 /* table (1), size of the key (2), size of the value (4) */
#define ZEROS_SIZE ((size_t)256 << 10)

/* Offsets in the header. */
#define AT_CHECKSUM 0
#define AT_VERSION 8
#define AT_SIZE 12
#define AT_BEFORE 16 /* Where the frame before it ended. */
#define AT_POSITION 24
#define AT_SYNCED 32

static uint64_t round_up(uint64_t n, uint64_t step)
{
    return (n + step - 1) / step * step;
}

static int journal_error(const char *path, const char *what, int code, struct store_error *error)
{
    if (code == ENOSPC || code == EDQUOT)
        return store_error_set(error, ERR_FULL,
                               "%s: the disk or the map is full: make room on the disk, and start "
                               "again",
                               path);
    return store_error_set(error, ERR_IO, "%s: cannot %s: %s", path, what, strerror(code));
}

/* All or nothing; 0 or an errno. */
static int write_all(int fd, const uint8_t *data, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return EIO;
        data += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

/* ---- Opening ---------------------------------------------------------------------------- */

static int write_zeros(int fd, uint64_t size_bytes)
{
    static const uint8_t zeros[ZEROS_SIZE];
    int code = 0;
    for (uint64_t at = 0; at < size_bytes && code == 0; at += ZEROS_SIZE)
        code = write_all(fd, zeros, ZEROS_SIZE, at);
    if (code == 0 && fsync(fd) != 0)
        code = errno;
    return code;
}

int journal_create(const char *path, uint64_t size_bytes, struct store_error *error)
{
    assert(size_bytes >= JOURNAL_SIZE_MIN && size_bytes % JOURNAL_FRAME_MAX == 0);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return journal_error(path, "make the journal", errno, error);
    int code = write_zeros(fd, size_bytes);
    (void)close(fd);
    return code == 0 ? 0 : journal_error(path, "make the journal", code, error);
}

static int journal_open_file(struct journal *j, bool read_only, struct store_error *error)
{
    struct stat st;
    j->fd = open(j->path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (j->fd < 0 && errno == ENOENT)
        return store_error_set(error, ERR_CORRUPT,
                               "%s: the journal is missing, and with it promises and votes: this "
                               "node cannot go on with this disk",
                               j->path);
    if (j->fd < 0 || fstat(j->fd, &st) != 0)
        return journal_error(j->path, "open the journal", errno, error);
    j->size_bytes = (uint64_t)st.st_size;
    if (j->size_bytes < JOURNAL_SIZE_MIN || j->size_bytes % JOURNAL_FRAME_MAX != 0)
        return store_error_set(error, ERR_CORRUPT,
                               "%s: the journal is truncated or damaged: it has %llu bytes: this "
                               "node cannot go on with this disk",
                               j->path, (unsigned long long)j->size_bytes);
    void *map = mmap(NULL, j->size_bytes, PROT_READ, MAP_SHARED, j->fd, 0);
    if (map == MAP_FAILED)
        return journal_error(j->path, "map the journal", errno, error);
    j->map = map;
    return 0;
}

int journal_open(struct journal *j, const char *path, const uint8_t disk_id[DISK_ID_SIZE],
                 bool read_only, struct store_error *error)
{
    assert(strlen(path) < sizeof(j->path));
    *j = (struct journal){.fd = -1};
    memcpy(j->path, path, strlen(path) + 1);
    j->seed = hash64((struct bytes){.data = disk_id, .size = DISK_ID_SIZE}, VERSION);
    if (!read_only) {
        j->frame = mem_alloc(JOURNAL_FRAME_MAX);
        if (j->frame == NULL)
            return store_error_set(error, ERR_NO_MEMORY, "%s: out of memory", path);
    }
    int err = journal_open_file(j, read_only, error);
    if (err != 0)
        journal_close(j);
    return err;
}

void journal_close(struct journal *j)
{
    if (j->map != NULL)
        (void)munmap((void *)(uintptr_t)j->map, j->size_bytes);
    if (j->path[0] != '\0' && j->fd >= 0)
        (void)close(j->fd);
    mem_free(j->frame);
    *j = (struct journal){.fd = -1};
}

void journal_begin(struct journal *j, uint64_t position)
{
    assert(position % JOURNAL_BLOCK == 0);
    j->end = position;
    j->frame_bytes = 0;
    atomic_store_explicit(&j->merged, position, memory_order_relaxed);
    atomic_store_explicit(&j->synced, position, memory_order_release);
}

/* ---- Reading ---------------------------------------------------------------------------- */

/* Is there a good frame in this place, whichever? Its size, or 0. */
static uint64_t frame_check(const struct journal *j, uint64_t place)
{
    const uint8_t *at = j->map + place;
    uint64_t size = be32_load(at + AT_SIZE);
    if (be32_load(at + AT_VERSION) != VERSION || size < HEADER_SIZE || size > JOURNAL_FRAME_MAX ||
        place + size > j->size_bytes)
        return 0;
    struct bytes content = {.data = at + AT_VERSION, .size = size - AT_VERSION};
    return be64_load(at + AT_CHECKSUM) == hash64(content, j->seed) ? size : 0;
}

/* The frame that was written to `at` behind one that ended at `before`. */
static bool frame_read(const struct journal *j, uint64_t before, uint64_t at,
                       struct journal_frame *out)
{
    uint64_t place = at % j->size_bytes;
    const uint8_t *header = j->map + place;
    if (be64_load(header + AT_POSITION) != at || be64_load(header + AT_BEFORE) != before)
        return false;
    uint64_t size = frame_check(j, place);
    if (size == 0)
        return false;
    *out = (struct journal_frame){
        .end = at + round_up(size, JOURNAL_BLOCK),
        .records = {.data = header + HEADER_SIZE, .size = size - HEADER_SIZE},
    };
    return true;
}

bool journal_read(const struct journal *j, uint64_t position, struct journal_frame *out_frame)
{
    if (frame_read(j, position, position, out_frame))
        return true;
    /* What did not fit before the file's end went to its beginning. */
    uint64_t wrapped = round_up(position, j->size_bytes);
    return wrapped > position && frame_read(j, position, wrapped, out_frame);
}

/* Does a good frame say that more was synced than up to `end`, where reading stopped? */
static int journal_check_end(const struct journal *j, uint64_t end, struct store_error *error)
{
    for (uint64_t place = 0; place < j->size_bytes; place += JOURNAL_BLOCK) {
        const uint8_t *header = j->map + place;
        uint64_t position = be64_load(header + AT_POSITION);
        if (position <= end || position % j->size_bytes != place ||
            be64_load(header + AT_SYNCED) <= end || frame_check(j, place) == 0)
            continue;
        return store_error_set(error, ERR_CORRUPT,
                               "%s: what was committed at %llu is corrupt: its bytes are not those "
                               "that were written; `dkv-node --verify` lists all that are damaged",
                               j->path, (unsigned long long)end);
    }
    return 0;
}

int journal_recover(struct journal *j, uint64_t position, struct store_error *error)
{
    struct journal_frame frame;
    uint64_t end = position;
    while (end - position < j->size_bytes && journal_read(j, end, &frame))
        end = frame.end;
    TRY(journal_check_end(j, end, error));
    journal_begin(j, position);
    j->end = end;
    atomic_store_explicit(&j->synced, end, memory_order_release);
    return 0;
}

uint64_t journal_next_start(const struct journal *j)
{
    return round_up(j->end, j->size_bytes) + j->size_bytes;
}

void journal_set_merged(struct journal *j, uint64_t position)
{
    assert(position >= atomic_load_explicit(&j->merged, memory_order_relaxed));
    assert(position <= atomic_load_explicit(&j->synced, memory_order_relaxed));
    atomic_store_explicit(&j->merged, position, memory_order_release);
}

int journal_take(struct bytes *records, enum record_table *out_table, struct bytes *out_key,
                 struct bytes *out_value)
{
    struct bytes r = *records;
    if (r.size == 0)
        return ERR_NOT_FOUND;
    if (r.size < RECORD_OVERHEAD)
        return ERR_CORRUPT;
    uint8_t table = r.data[0];
    size_t key_size = be16_load(r.data + 1);
    size_t value_size = be32_load(r.data + 3);
    if (table < RECORD_TABLE_META || table > RECORD_TABLES || r.size - RECORD_OVERHEAD < key_size ||
        r.size - RECORD_OVERHEAD - key_size < value_size)
        return ERR_CORRUPT;
    *out_table = table;
    *out_key = bytes_slice(r, RECORD_OVERHEAD, key_size);
    *out_value = bytes_slice(r, RECORD_OVERHEAD + key_size, value_size);
    size_t size = RECORD_OVERHEAD + key_size + value_size;
    *records = bytes_slice(r, size, r.size - size);
    return 0;
}

/* ---- Writing ---------------------------------------------------------------------------- */

bool journal_add(struct journal *j, enum record_table table, struct bytes key, struct bytes value)
{
    size_t at = j->frame_bytes == 0 ? HEADER_SIZE : j->frame_bytes;
    if (JOURNAL_FRAME_MAX - at < RECORD_OVERHEAD + key.size + value.size) {
        assert(at > HEADER_SIZE); /* A record fits into an empty one. */
        return false;
    }
    uint8_t *to = j->frame + at;
    to[0] = (uint8_t)table;
    be16_store(to + 1, (uint16_t)key.size);
    be32_store(to + 3, (uint32_t)value.size);
    memcpy(to + RECORD_OVERHEAD, key.data, key.size);
    memcpy(to + RECORD_OVERHEAD + key.size, value.data, value.size);
    j->frame_bytes = at + RECORD_OVERHEAD + key.size + value.size;
    return true;
}

/* Where the gathered frame goes: a frame never runs over the end of the file. */
static uint64_t journal_place(const struct journal *j)
{
    uint64_t left = j->size_bytes - j->end % j->size_bytes;
    return round_up(j->frame_bytes, JOURNAL_BLOCK) <= left ? j->end : j->end + left;
}

bool journal_has_room(const struct journal *j)
{
    uint64_t end = journal_place(j) + round_up(j->frame_bytes, JOURNAL_BLOCK);
    return end - atomic_load_explicit(&j->merged, memory_order_acquire) <= j->size_bytes;
}

int journal_flush(struct journal *j, struct store_error *error)
{
    assert(!j->failed);
    assert(journal_has_room(j));
    if (j->frame_bytes == 0)
        return 0;
    size_t size = j->frame_bytes;
    uint64_t at = journal_place(j);
    /* Whole blocks: what is written in part has to be read first. */
    uint64_t written = round_up(size, JOURNAL_BLOCK);
    memset(j->frame + size, 0, written - size);
    be32_store(j->frame + AT_VERSION, VERSION);
    be32_store(j->frame + AT_SIZE, (uint32_t)size);
    be64_store(j->frame + AT_BEFORE, j->end);
    be64_store(j->frame + AT_POSITION, at);
    be64_store(j->frame + AT_SYNCED, atomic_load_explicit(&j->synced, memory_order_relaxed));
    struct bytes content = {.data = j->frame + AT_VERSION, .size = size - AT_VERSION};
    be64_store(j->frame + AT_CHECKSUM, hash64(content, j->seed));
    j->frame_bytes = 0;
    int code = write_all(j->fd, j->frame, written, at % j->size_bytes);
    if (code != 0) {
        j->failed = true;
        return journal_error(j->path, "write", code, error);
    }
    j->end = at + written;
    return 0;
}

int journal_sync(struct journal *j, struct store_error *error)
{
    assert(!j->failed);
    if (j->end == atomic_load_explicit(&j->synced, memory_order_relaxed))
        return 0;
    if (fdatasync(j->fd) != 0) {
        j->failed = true;
        return journal_error(j->path, "sync", errno, error);
    }
    atomic_store_explicit(&j->synced, j->end, memory_order_release);
    return 0;
}
