/* The channels of cells that have a way out, and which policies each may name. Runs in the egress process. */
#include "base/macros.h"
#include "host/egress_private.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BIT(type) (1u << (type))

/* What a cell may say to egress. */
static const uint32_t accepted =
    BIT(FRAME_FETCH) | BIT(FRAME_DATA) | BIT(FRAME_RESET) | BIT(FRAME_STOP) | BIT(FRAME_WINDOW);

static struct tenant *tenants;

static void free_way(struct way *w) {
    transport_free(w->transport);
    policy_done(&w->policy);
    free(w->name);
    free(w->made_of);
}

static void tenant_free(struct tenant *t) {
    *t->place = t->next;
    if (t->next) t->next->place = t->place;
    t->is_gone = true;
    exchange_drop_all(t);
    while (t->made) {
        struct way *w = t->made;
        t->made = w->next;
        free_way(w);
        free(w);
    }
    for (size_t i = 0; i < t->ways_len; i++) free_way(&t->ways[i]);
    host_channel_free(t->channel);
    free(t->ways);
    free(t->worker);
    free(t);
}

static int on_frame(void *context, const struct frame *frame) {
    return exchange_on_frame(context, frame);
}

static void on_closed(void *context, int error) {
    (void)error;
    tenant_free(context);
}

static void on_drained(void *context) {
    struct tenant *t = context;
    t->is_congested = false;
    exchange_resume_all(t);
}

void tenant_send(struct tenant *t, uint8_t type, uint8_t flags, uint32_t id, const struct buf *head, const void *tail,
                 size_t tail_len) {
    bool has_head = head && buf_len(head) > 0;
    host_channel_send(t->channel, type, flags, id, has_head ? (const char *)buf_bytes(head) : "",
                      has_head ? buf_len(head) : 0, tail, tail_len);
    if (host_channel_waiting(t->channel) > TENANT_WAITING_BYTES_MAX) t->is_congested = true;
}

/* --- Ways ------------------------------------------------------------------------------------------------------- */

static int parse_ways(struct tenant *t, const json_t *policies, char *ret_why, size_t why_len) {
    const char *name;
    json_t *policy;
    t->ways = calloc(json_object_size(policies) + 1, sizeof *t->ways);
    CHECK(t->ways);
    json_object_foreach((json_t *)policies, name, policy) {
        struct way *w = &t->ways[t->ways_len++];
        w->name = strdup(name);
        CHECK(w->name);
        int r = policy_parse(policy, name, NULL, &w->policy, ret_why, why_len);
        if (r < 0) return r;
    }
    return 0;
}

int tenant_check(const json_t *policies, char *ret_why, size_t why_len) {
    struct tenant t = {0};
    int r = parse_ways(&t, policies, ret_why, why_len);
    for (size_t i = 0; i < t.ways_len; i++) free_way(&t.ways[i]);
    free(t.ways);
    return r;
}

static json_t *fixed_policies;

void tenant_fix(const json_t *policies) {
    fixed_policies = json_deep_copy(policies);
    CHECK(fixed_policies);
}

int tenant_attach(uv_loop_t *loop, int fd, const char *text, size_t text_len) {
    static const struct host_channel_handler handler = {
        .on_frame = on_frame, .on_closed = on_closed, .on_drained = on_drained};
    struct tenant *t = calloc(1, sizeof *t);
    CHECK(t);
    json_t *attach = json_loadb(text, text_len, 0, NULL);
    const char *worker = json_string_value(json_object_get(attach, "worker"));
    t->loop = loop;
    t->worker = strdup(worker ? worker : "");
    CHECK(t->worker);
    int r = parse_ways(t, fixed_policies ? fixed_policies : json_object_get(attach, "policies"), t->mistake, sizeof t->mistake);
    json_decref(attach);
    t->place = &tenants;
    t->next = tenants;
    if (t->next) t->next->place = &t->next;
    tenants = t;
    t->channel = host_channel_new(loop, fd, accepted, &handler, t);
    CHECK(t->channel);
    return r; /* a mistake is told to each request */
}

static void drop_made(struct tenant *t, struct way **place) {
    struct way *w = *place;
    *place = w->next;
    t->made_len--;
    free_way(w);
    free(w);
}

/* Rules that the host worker made: kept with their counts and connections as long as there is room. */
static int find_made(struct tenant *t, struct way *bounds, const json_t *rules, struct way **ret, char *ret_why,
                     size_t why_len) {
    char *text = json_dumps(rules, JSON_COMPACT);
    CHECK(text);
    struct way **unused = NULL;
    for (struct way **place = &t->made; *place; place = &(*place)->next) {
        struct way *w = *place;
        if (w->bounds == bounds && strcmp(w->made_of, text) == 0) {
            *place = w->next; /* to the front */
            w->next = t->made;
            t->made = w;
            free(text);
            *ret = w;
            return 0;
        }
        if (w->uses == 0) unused = place;
    }
    struct way *w = calloc(1, sizeof *w);
    CHECK(w);
    json_t *policy = json_pack("{s:O}", "allow", rules);
    int r = policy_parse(policy, bounds->name, &bounds->policy, &w->policy, ret_why, why_len);
    json_decref(policy);
    if (r == 0 && t->made_len >= WAYS_MADE_MAX && unused) drop_made(t, unused);
    if (r == 0 && t->made_len >= 4 * WAYS_MADE_MAX) {
        snprintf(ret_why, why_len, "too many policies are in use");
        r = -EINVAL;
    }
    w->name = strdup(bounds->name);
    w->made_of = text;
    w->bounds = bounds;
    if (r < 0) {
        free_way(w);
        free(w);
        return r;
    }
    w->next = t->made;
    t->made = w;
    t->made_len++;
    *ret = w;
    return 0;
}

int tenant_way(struct tenant *t, const json_t *head, struct way **ret, char *ret_why, size_t why_len) {
    if (t->mistake[0]) {
        snprintf(ret_why, why_len, "its policy has a mistake: %s", t->mistake);
        return -EINVAL;
    }
    json_int_t number = json_integer_value(json_object_get(head, "way"));
    const json_t *rules = json_object_get(head, "allow");
    if (number < 0 || (size_t)number >= t->ways_len) {
        snprintf(ret_why, why_len, "there is no such way out");
        return -EINVAL;
    }
    struct way *way = &t->ways[number];
    int r = rules ? find_made(t, way, rules, &way, ret_why, why_len) : 0;
    if (r < 0) return r;
    way->uses++;
    *ret = way;
    return 0;
}

void way_release(struct tenant *t, struct way *way) {
    (void)t;
    way->uses--;
}
