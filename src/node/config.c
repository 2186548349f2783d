#include "node/config.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "base/number.h"

enum place {
    AT_ID,
    AT_ADDR,
    AT_PEERS,
    AT_DATA_DIR,
    AT_CLUSTER,
    AT_MODE,
    AT_LISTEN_ANY,
    AT_INSECURE,
    AT_FAULTS,
    AT_LOG_FORMAT,
    AT_LOG_LEVEL,
    AT_MAP_SIZE,
    AT_STATE_MAX,
    AT_QUEUE_OPS,
    AT_QUEUE_BYTES,
    AT_PIPELINE,
    AT_CHECKPOINT_SLOTS,
    AT_CONFIG,
    AT_VERIFY,
    AT_VERSION,
    AT_HELP,
    PLACES,
};

static const struct setting table[PLACES] = {
    [AT_ID] = {"id", "N", "this node's number, from 1 on, for ever", false},
    [AT_ADDR] = {"addr", "[HOST]:PORT", "where to listen; without HOST on 127.0.0.1", false},
    [AT_PEERS] = {"peers", "\"N=HOST:PORT,...\"", "the other members; none: a cluster of one",
                  false},
    [AT_DATA_DIR] = {"data-dir", "DIR", "where the data lives (data/node-N)", false},
    [AT_CLUSTER] = {"cluster", "NAME", "the same on all members (dkv)", false},
    [AT_MODE] = {"mode", "classic|coordinated", "of a new directory, which keeps it (coordinated)",
                 false},
    [AT_LISTEN_ANY] = {"listen-any", NULL, "without HOST listen on every interface", false},
    [AT_INSECURE] = {"insecure", NULL, "allow an address that others can reach, without TLS",
                     false},
    [AT_FAULTS] = {"enable-fault-injection", NULL, "allow fault rules and die", false},
    [AT_LOG_FORMAT] = {"log-format", "text|json", "lines on stderr (text)", false},
    [AT_LOG_LEVEL] = {"log-level", "debug|info|warn|error", "from which level on (info)", false},
    [AT_MAP_SIZE] = {"map-size", "SIZE", "largest size of each data file (256G)", false},
    [AT_STATE_MAX] = {"state-max", "SIZE", "keys and values in memory; then only deletes (2G)",
                      false},
    [AT_QUEUE_OPS] = {"queue-ops", "N", "operations under way; more are turned away (16384)",
                      false},
    [AT_QUEUE_BYTES] = {"queue-bytes", "SIZE", "bytes of them (64M)", false},
    [AT_PIPELINE] = {"pipeline", "N", "own slots under way at once (32)", false},
    [AT_CHECKPOINT_SLOTS] = {"checkpoint-slots", "N",
                             "slots with a value, between checkpoints at most (10000)", false},
    [AT_CONFIG] = {"config", "FILE", "JSON, with the names of these flags", true},
    [AT_VERIFY] = {"verify", "DIR", "check every record of a data directory, and exit", true},
    [AT_VERSION] = {"version", NULL, "print the version, and exit", true},
    [AT_HELP] = {"help", NULL, "print this, and exit", true},
};

void config_print_help(FILE *out)
{
    fputs("dkv-node -- one node of a replicated key-value service\n"
          "\n"
          "  dkv-node --id 1 --addr :5001 --peers \"2=localhost:5002,3=localhost:5003\"\n"
          "  dkv-node --id 1 --addr :5001 --data-dir /var/lib/dkv    (a cluster of one)\n"
          "  dkv-node --verify /var/lib/dkv\n"
          "\n"
          "Every setting is also read from the environment (DKV_DATA_DIR for --data-dir) and from\n"
          "the file of --config; a flag wins over the environment, and that over the file.\n"
          "\n",
          out);
    for (size_t i = 0; i < PLACES; i++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s %s", table[i].name,
                 table[i].argument != NULL ? table[i].argument : "");
        fprintf(out, "  %-34s %s\n", left, table[i].help);
    }
    fputs("\nSizes take K, M, G and T (of 1024). SIGTERM and Ctrl-C stop the node cleanly.\n", out);
}

/* ---- Texts into figures -------------------------------------------------------------------- */

/* One line, "NAME ...": name it as the person gave it. */
__attribute__((format(printf, 4, 5))) static int complain(const struct settings *s, enum place at,
                                                          char *message, const char *format, ...)
{
    char what[SETTINGS_MESSAGE_SIZE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    char name[SETTINGS_MESSAGE_SIZE_MAX];
    settings_name(s, at, name);
    snprintf(message, SETTINGS_MESSAGE_SIZE_MAX, "%.200s %.300s", name, what);
    return ERR_INVALID;
}

static bool is_on(const struct settings *s, enum place at)
{
    const char *text = settings_get(s, at);
    return text != NULL && strcmp(text, "true") == 0;
}

static int take_number(const struct settings *s, enum place at, uint64_t low, uint64_t high,
                       uint64_t *out, char *message)
{
    const char *text = settings_get(s, at);
    if (text == NULL)
        return 0;
    uint64_t number;
    if (number_parse(text, &number) == 0 && number >= low && number <= high) {
        *out = number;
        return 0;
    }
    return complain(s, at, message, "is \"%.60s\": give a number from %llu to %llu", text,
                    (unsigned long long)low, (unsigned long long)high);
}

static int take_u32(const struct settings *s, enum place at, uint32_t low, uint32_t high,
                    uint32_t *out, char *message)
{
    uint64_t wide = *out;
    TRY(take_number(s, at, low, high, &wide, message));
    *out = (uint32_t)wide;
    return 0;
}

static int take_size(const struct settings *s, enum place at, uint64_t low, uint64_t *out,
                     char *message)
{
    const char *text = settings_get(s, at);
    if (text == NULL)
        return 0;
    uint64_t size;
    if (size_parse(text, &size) == 0 && size >= low) {
        *out = size;
        return 0;
    }
    return complain(s, at, message, "is \"%.60s\": give a size of at least %lluM, such as 4G", text,
                    (unsigned long long)(low >> 20));
}

/* ---- Who takes part ------------------------------------------------------------------------ */

/* Put a member in its place among the sorted ids; false: it is there already. */
static bool member_insert(struct config *c, uint32_t id, const char *address)
{
    struct members *m = &c->members;
    assert(m->count < MEMBERS_MAX);
    if (members_index(m, id) != MEMBER_NONE)
        return false;
    uint32_t at = m->count;
    while (at > 0 && m->ids[at - 1] > id) {
        m->ids[at] = m->ids[at - 1];
        memcpy(c->addresses[at], c->addresses[at - 1], ADDRESS_SIZE_MAX);
        at--;
    }
    m->ids[at] = id;
    snprintf(c->addresses[at], ADDRESS_SIZE_MAX, "%s", address);
    m->count++;
    return true;
}

static int take_own(const struct settings *s, struct config *c, char *message)
{
    const char *id = settings_get(s, AT_ID);
    if (id == NULL)
        return complain(s, AT_ID, message,
                        "is missing: give this node its number, from 1 on, as in --id 1");
    uint64_t number;
    if (number_parse(id, &number) != 0 || number == 0 || number > UINT32_MAX)
        return complain(s, AT_ID, message, "is \"%.60s\": ids are numbers from 1 on", id);
    c->id = (uint32_t)number;
    const char *addr = settings_get(s, AT_ADDR);
    if (addr == NULL)
        return complain(s, AT_ADDR, message, "is missing: say where to listen, as in --addr :5001");
    const char *any = is_on(s, AT_LISTEN_ANY) ? "0.0.0.0" : "127.0.0.1";
    char address[ADDRESS_SIZE_MAX];
    if (address_parse(addr, any, address) != 0)
        return complain(s, AT_ADDR, message,
                        "is \"%.200s\": give HOST:PORT or :PORT, with a port from 1 to 65535",
                        addr);
    if (!address_is_loopback(address) && !is_on(s, AT_INSECURE))
        return complain(s, AT_ADDR, message,
                        "is %.200s, which others can reach, and nothing is encrypted: add "
                        "--insecure if that network is trusted, or listen on 127.0.0.1",
                        address);
    bool added = member_insert(c, c->id, address);
    assert(added);
    (void)added;
    return 0;
}

/* One "N=HOST:PORT". */
static int take_peer(const struct settings *s, struct config *c, const char *text, char *message)
{
    const char *equals = strchr(text, '=');
    uint64_t id = 0;
    if (equals == NULL || number_parse_until(text, equals, &id) != 0 || id == 0 || id > UINT32_MAX)
        return complain(s, AT_PEERS, message,
                        "has \"%.200s\": write each peer as ID=HOST:PORT, ids from 1 on", text);
    char address[ADDRESS_SIZE_MAX];
    if (address_parse(equals + 1, "127.0.0.1", address) != 0)
        return complain(s, AT_PEERS, message,
                        "has \"%.200s\": write the address as HOST:PORT, with a port from 1 to "
                        "65535",
                        text);
    if (id == c->id)
        return complain(s, AT_PEERS, message,
                        "has this node's own id %u: name only the other members", (unsigned)c->id);
    for (uint32_t i = 0; i < c->members.count; i++) {
        if (address_equal(c->addresses[i], address))
            return complain(s, AT_PEERS, message,
                            "has %.100s twice, for nodes %u and %u: each node has its own address",
                            address, (unsigned)c->members.ids[i], (unsigned)id);
    }
    if (c->members.count == MEMBERS_MAX)
        return complain(s, AT_PEERS, message, "makes more than %d members: one to nine can be",
                        MEMBERS_MAX);
    if (!member_insert(c, (uint32_t)id, address))
        return complain(s, AT_PEERS, message, "has node %u twice: name each peer once",
                        (unsigned)id);
    return 0;
}

static int take_peers(const struct settings *s, struct config *c, char *message)
{
    const char *text = settings_get(s, AT_PEERS);
    if (text == NULL || *text == '\0')
        return 0;
    for (;;) {
        const char *end = strchr(text, ',');
        size_t size = end != NULL ? (size_t)(end - text) : strlen(text);
        char one[ADDRESS_SIZE_MAX + 32];
        if (size >= sizeof(one))
            return complain(s, AT_PEERS, message, "has an entry of %zu bytes: that is too long",
                            size);
        while (size > 0 && *text == ' ') {
            text++;
            size--;
        }
        memcpy(one, text, size);
        one[size] = '\0';
        TRY(take_peer(s, c, one, message));
        if (end == NULL)
            return 0;
        text = end + 1;
    }
}

/* ---- The rest ------------------------------------------------------------------------------ */

static bool cluster_name_is_valid(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > CLUSTER_NAME_SIZE_MAX)
        return false;
    for (; *name != '\0'; name++)
        if (!isgraph((unsigned char)*name))
            return false;
    return true;
}

static int take_mode(const struct settings *s, struct config *c, char *message)
{
    const char *mode = settings_get(s, AT_MODE);
    c->mode = MODE_COORDINATED;
    c->mode_given = mode != NULL;
    if (mode != NULL && strcmp(mode, mode_name(MODE_CLASSIC)) == 0)
        c->mode = MODE_CLASSIC;
    else if (mode != NULL && strcmp(mode, mode_name(MODE_COORDINATED)) != 0)
        return complain(s, AT_MODE, message, "is \"%.60s\": classic or coordinated", mode);
    return 0;
}

static int take_names(const struct settings *s, struct config *c, char *message)
{
    const char *cluster = settings_get(s, AT_CLUSTER);
    if (cluster == NULL)
        cluster = "dkv";
    if (!cluster_name_is_valid(cluster))
        return complain(s, AT_CLUSTER, message,
                        "is \"%.100s\": give 1 to %d printable ASCII characters without spaces",
                        cluster, CLUSTER_NAME_SIZE_MAX);
    snprintf(c->cluster, sizeof(c->cluster), "%s", cluster);

    TRY(take_mode(s, c, message));
    const char *dir = settings_get(s, AT_DATA_DIR);
    int n = dir != NULL
                ? snprintf(c->data_dir, sizeof(c->data_dir), "%s", dir)
                : snprintf(c->data_dir, sizeof(c->data_dir), "data/node-%u", (unsigned)c->id);
    if (n == 0 || (size_t)n >= sizeof(c->data_dir))
        return complain(s, AT_DATA_DIR, message, "is to be a path of 1 to %zu bytes",
                        sizeof(c->data_dir) - 1);
    return 0;
}

static int take_log(const struct settings *s, struct config *c, char *message)
{
    const char *format = settings_get(s, AT_LOG_FORMAT);
    if (format != NULL && log_format_parse(format, &c->log_format) != 0)
        return complain(s, AT_LOG_FORMAT, message, "is \"%.60s\": text or json", format);
    const char *level = settings_get(s, AT_LOG_LEVEL);
    if (level != NULL && log_level_parse(level, &c->log_level) != 0)
        return complain(s, AT_LOG_LEVEL, message, "is \"%.60s\": debug, info, warn or error",
                        level);
    return 0;
}

static int take_limits(const struct settings *s, struct config *c, char *message)
{
    TRY(take_size(s, AT_MAP_SIZE, 16 << 20, &c->map_size, message));
    TRY(take_size(s, AT_STATE_MAX, 1 << 20, &c->state_max, message));
    TRY(take_size(s, AT_QUEUE_BYTES, 2 << 20, &c->queue_bytes, message));
    TRY(take_u32(s, AT_QUEUE_OPS, 1, 1 << 20, &c->queue_ops, message));
    TRY(take_u32(s, AT_PIPELINE, 1, 1024, &c->pipeline, message));
    return take_number(s, AT_CHECKPOINT_SLOTS, 1, 1000000, &c->checkpoint_slots, message);
}

static int config_take(const struct settings *s, struct config *c, char *message)
{
    TRY(take_log(s, c, message));
    TRY(take_limits(s, c, message));
    TRY(take_own(s, c, message));
    TRY(take_peers(s, c, message));
    TRY(take_names(s, c, message));
    c->faults_enabled = is_on(s, AT_FAULTS);
    assert(members_is_valid(&c->members));
    if (c->members.count % 2 == 0)
        snprintf(c->warning, sizeof(c->warning),
                 "%u members survive no more failures than %u do: an odd number is better",
                 (unsigned)c->members.count, (unsigned)c->members.count - 1);
    return 0;
}

static int sources_take(struct settings *s, int argc, char *const *argv,
                        const char *(*lookup)(const char *name), char *message)
{
    TRY(settings_take_flags(s, argc, argv, message));
    if (is_on(s, AT_HELP) || is_on(s, AT_VERSION) || settings_get(s, AT_VERIFY) != NULL)
        return 0;
    TRY(settings_take_environment(s, lookup, message));
    const char *file = settings_get(s, AT_CONFIG);
    return file != NULL ? settings_take_file(s, file, message) : 0;
}

int config_load(int argc, char *const *argv, const char *(*lookup)(const char *name),
                struct config *out_config, char message[SETTINGS_MESSAGE_SIZE_MAX])
{
    struct config c = {
        .log_format = LOG_FORMAT_TEXT,
        .log_level = LOG_INFO,
        .state_max = UINT64_C(2) << 30,
        .queue_bytes = UINT64_C(64) << 20,
        .queue_ops = 16384,
        .pipeline = 32,
        .checkpoint_slots = 10000,
    };
    struct settings s;
    settings_init(&s, table, PLACES);
    int err = sources_take(&s, argc, argv, lookup, message);
    if (err == 0 && is_on(&s, AT_HELP)) {
        c.action = CONFIG_HELP;
    } else if (err == 0 && is_on(&s, AT_VERSION)) {
        c.action = CONFIG_VERSION;
    } else if (err == 0 && settings_get(&s, AT_VERIFY) != NULL) {
        c.action = CONFIG_VERIFY;
        snprintf(c.data_dir, sizeof(c.data_dir), "%s", settings_get(&s, AT_VERIFY));
    } else if (err == 0) {
        err = config_take(&s, &c, message);
    }
    settings_fini(&s);
    if (err == 0)
        *out_config = c;
    return err;
}
