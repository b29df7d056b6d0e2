#include "core/channel.h"

#include <assert.h>
#include <stdlib.h>

/* One change and what undoes it. Undone newest first, so that each finds things just as it left
 * them. */
struct channel_undo {
    enum undo_kind { UNDO_PUSH, UNDO_DEAD, UNDO_NEW_KEY, UNDO_KEY, UNDO_NUMBERS } kind;
    struct channel_key *key;
    uint32_t entry;    /* index counted from `first` */
    struct list *next; /* what stood behind the key in the order, NULL when it was not in it */
    pos_t pos, head, floor;
    uint64_t total;
    uint32_t bytes, row, ordinary, live;
    bool deleted, gone;
};

int channel_init(struct channel *c, struct slice name, const struct channel_conf *conf,
                 pos_t floor, const uint64_t seed[2])
{
    *c = (struct channel){.conf = conf, .floor = floor, .name_len = name.len};
    list_init(&c->order);
    map_init(&c->keys, seed[0], seed[1]);
    c->name = slice_dup(name);
    return c->name ? 0 : -1;
}

void channel_fini(struct channel *c)
{
    if (!c)
        return;
    size_t at = 0;
    void *key;
    while (map_next(&c->keys, &at, NULL, &key))
        free(key);
    map_fini(&c->keys);
    free(c->entries);
    free(c->undo);
    free(c->name);
}

static struct channel_entry *entry_at(const struct channel *c, uint32_t i)
{
    return &c->entries[c->first + i];
}

static struct channel_key *oldest_key(const struct channel *c)
{
    return list_empty(&c->order) ? NULL : LIST_ENTRY(c->order.next, struct channel_key, order);
}

/* Index of the oldest entry that is not dead, `used` when there is none. */
static uint32_t oldest_entry(const struct channel *c)
{
    uint32_t i = c->dead;
    while (i < c->used && entry_at(c, i)->dead)
        i++;
    return i;
}

pos_t channel_oldest(const struct channel *c)
{
    uint32_t i = oldest_entry(c);
    pos_t entry = i < c->used ? entry_at(c, i)->pos : 0;
    pos_t key = oldest_key(c) ? oldest_key(c)->pos : 0;
    return entry && (!key || entry < key) ? entry : key;
}

/* Room for n more notes. */
static bool reserve_undo(struct channel *c, uint32_t n)
{
    if (c->undo_count + n <= c->undo_cap)
        return true;
    uint32_t cap = c->undo_cap ? c->undo_cap * 2 : 16;
    struct channel_undo *undo = realloc(c->undo, cap * sizeof *undo);
    if (!undo)
        return false;
    c->undo = undo;
    c->undo_cap = cap;
    return true;
}

static struct channel_undo *note(struct channel *c, enum undo_kind kind)
{
    assert(c->undo_count < c->undo_cap);
    struct channel_undo *u = &c->undo[c->undo_count++];
    *u = (struct channel_undo){.kind = kind};
    return u;
}

static void note_numbers(struct channel *c)
{
    struct channel_undo *u = note(c, UNDO_NUMBERS);
    u->head = c->head, u->floor = c->floor, u->total = c->bytes;
    u->ordinary = c->ordinary, u->live = c->live;
}

static void note_key(struct channel *c, struct channel_key *k)
{
    struct channel_undo *u = note(c, UNDO_KEY);
    u->key = k, u->pos = k->pos, u->bytes = k->bytes, u->row = k->row;
    u->deleted = k->deleted, u->gone = k->gone;
    u->next = list_empty(&k->order) ? NULL : k->order.next;
}

/* Takes the place of the entries that are gone; what notes say about places must not matter. */
static void move_down(struct channel *c)
{
    memmove(c->entries, c->entries + c->first, c->used * sizeof *c->entries);
    c->first = 0;
}

static bool reserve_entry(struct channel *c)
{
    if (c->first + c->used < c->cap)
        return true;
    if (c->first > c->used && c->undo_count == 0) { /* more gone than there */
        move_down(c);
        return true;
    }
    uint32_t cap = c->cap ? c->cap * 2 : 8;
    struct channel_entry *entries = realloc(c->entries, cap * sizeof *entries);
    if (!entries)
        return false;
    c->entries = entries;
    c->cap = cap;
    return true;
}

static void push_entry(struct channel *c, pos_t pos, uint32_t bytes, uint32_t row,
                       struct channel_key *key)
{
    c->used++;
    *entry_at(c, c->used - 1) =
        (struct channel_entry){.pos = pos, .key = key, .bytes = bytes & INT32_MAX, .row = row};
}

/* The live entry at pos, by bisection. */
static uint32_t find_entry(const struct channel *c, pos_t pos)
{
    uint32_t low = 0, high = c->used;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (entry_at(c, mid)->pos < pos)
            low = mid + 1;
        else
            high = mid;
    }
    assert(low < c->used && entry_at(c, low)->pos == pos);
    return low;
}

static void kill_entry(struct channel *c, uint32_t i)
{
    struct channel_undo *u = note(c, UNDO_DEAD);
    u->entry = i;
    entry_at(c, i)->dead = true;
    c->ordinary--;
    c->bytes -= entry_at(c, i)->bytes;
}

static struct channel_key *new_key(struct slice text)
{
    struct channel_key *k = calloc(1, sizeof *k + text.len);
    if (!k)
        return NULL;
    list_init(&k->order);
    k->len = (uint16_t)text.len;
    memcpy(k->text, text.p, text.len);
    return k;
}

/* The key's record, made when there is none. *fresh: there was none, or it is provisionally
 * gone. */
static struct channel_key *take_key(struct channel *c, struct slice text, bool *fresh)
{
    struct channel_key *k = map_get(&c->keys, text);
    *fresh = !k || k->gone;
    if (k) {
        note_key(c, k);
        return k;
    }
    k = new_key(text);
    if (!k || map_put(&c->keys, text, k)) {
        free(k);
        return NULL;
    }
    note(c, UNDO_NEW_KEY)->key = k;
    return k;
}

/* Takes the key's present event out of the numbers. */
static struct channel_cut supersede(struct channel *c, struct channel_key *k)
{
    if (k->deleted) {
        kill_entry(c, find_entry(c, k->pos));
    } else {
        c->live--;
        c->bytes -= k->bytes;
    }
    return (struct channel_cut){k->pos, k->row};
}

static int add_keyed(struct channel *c, struct event *e, uint32_t row,
                     struct channel_cut *superseded)
{
    bool fresh;
    struct channel_key *k = take_key(c, event_key(e), &fresh);
    if (!k)
        return -1;
    e->keyed = true;
    /* Of a key that isn't known an event may have been removed; who came by a snapshot since then
     * never had it. */
    e->prev = !fresh ? k->pos : c->floor ? POS_MAX : 0;
    if (!fresh)
        *superseded = supersede(c, k);
    list_remove(&k->order);
    k->pos = e->pos;
    k->bytes = e->bytes;
    k->row = row;
    k->deleted = e->deleted;
    k->gone = false;
    if (e->deleted) {
        push_entry(c, e->pos, e->bytes, row, k);
        note(c, UNDO_PUSH);
        c->ordinary++;
    } else {
        list_push_back(&c->order, &k->order);
        c->live++;
    }
    return 0;
}

int channel_add(struct channel *c, struct event *e, uint32_t row, struct channel_cut *superseded)
{
    *superseded = (struct channel_cut){0, 0};
    e->prev = 0;
    e->keyed = c->conf->keyed;
    if (!reserve_undo(c, 5) || !reserve_entry(c))
        return -1;
    note_numbers(c);
    if (event_supersedes(e)) {
        if (add_keyed(c, e, row, superseded)) {
            c->undo_count--;
            return -1;
        }
    } else {
        push_entry(c, e->pos, e->bytes, row, NULL);
        note(c, UNDO_PUSH);
        c->ordinary++;
    }
    c->head = e->pos;
    c->bytes += e->bytes;
    return 0;
}

/* The oldest event: an entry, or a live key that is no source's row; both unset without. */
static void pick_oldest(const struct channel *c, uint32_t *entry, struct channel_key **key)
{
    uint32_t i = oldest_entry(c);
    struct channel_key *k = oldest_key(c);
    bool some = i < c->used;
    *entry = c->used;
    *key = NULL;
    if (some && (c->conf->owned || !k || entry_at(c, i)->pos < k->pos))
        *entry = i;
    else if (k && !c->conf->owned)
        *key = k;
}

/* Which to remove next: the oldest entry or the oldest live key; both unset when nothing is over a
 * limit. */
static void pick(const struct channel *c, uint64_t now_ms, uint32_t *entry,
                 struct channel_key **key)
{
    const struct channel_conf *conf = c->conf;
    uint32_t i = oldest_entry(c);
    bool some = i < c->used;
    pos_t pos = some ? entry_at(c, i)->pos : 0;
    bool old = some && conf->age_ms && pos_ms(pos) + conf->age_ms < now_ms;
    *entry = c->used;
    *key = NULL;
    if (c->ordinary > conf->events || old) {
        *entry = i;
    } else if (c->live > conf->keys) {
        *key = oldest_key(c);
    } else if (conf->bytes && c->bytes > conf->bytes) {
        pick_oldest(c, entry, key);
    }
}

/* Takes the entry or the key out. */
static int remove_picked(struct channel *c, uint32_t entry, struct channel_key *key,
                         struct channel_cut *cut)
{
    *cut = (struct channel_cut){0, 0};
    if (entry == c->used && !key)
        return 0;
    if (!reserve_undo(c, 3))
        return -1;
    note_numbers(c);
    if (key) {
        note_key(c, key);
        *cut = (struct channel_cut){key->pos, key->row};
        c->live--;
        c->bytes -= key->bytes;
    } else {
        *cut = (struct channel_cut){entry_at(c, entry)->pos, entry_at(c, entry)->row};
        key = entry_at(c, entry)->key;
        if (key)
            note_key(c, key);
        kill_entry(c, entry);
        c->dead = entry + 1;
    }
    if (key) {
        list_remove(&key->order);
        key->gone = true;
    }
    if (cut->pos > c->floor)
        c->floor = cut->pos;
    return 0;
}

int channel_trim(struct channel *c, uint64_t now_ms, struct channel_cut *cut)
{
    uint32_t entry;
    struct channel_key *key;
    pick(c, now_ms, &entry, &key);
    return remove_picked(c, entry, key, cut);
}

int channel_shed(struct channel *c, struct channel_cut *cut)
{
    uint32_t entry;
    struct channel_key *key;
    pick_oldest(c, &entry, &key);
    return remove_picked(c, entry, key, cut);
}

static void drop_key(struct channel *c, struct channel_key *k)
{
    map_remove(&c->keys, slice_of(k->text, k->len));
    list_remove(&k->order);
    free(k);
}

void channel_settle(struct channel *c)
{
    struct list gone;
    list_init(&gone);
    for (uint32_t i = 0; i < c->undo_count; i++) {
        struct channel_key *k = c->undo[i].key;
        if (k && k->gone && list_empty(&k->order))
            list_push_back(&gone, &k->order);
    }
    while (!list_empty(&gone))
        drop_key(c, LIST_ENTRY(gone.next, struct channel_key, order));
    c->undo_count = 0;
    while (c->used && entry_at(c, 0)->dead)
        c->first++, c->used--;
    c->dead = 0;
    if (!c->used)
        c->first = 0;
    else if (c->first > c->used) /* nothing is noted now, so entries may move */
        move_down(c);
    if (c->used <= 2 * c->ordinary + 16)
        return;
    uint32_t kept = 0; /* mostly holes: close them */
    for (uint32_t i = 0; i < c->used; i++)
        if (!entry_at(c, i)->dead)
            c->entries[kept++] = *entry_at(c, i);
    c->first = 0;
    c->used = kept;
}

static void undo_key(struct channel_undo *u)
{
    struct channel_key *k = u->key;
    list_remove(&k->order);
    k->pos = u->pos, k->bytes = u->bytes, k->row = u->row;
    k->deleted = u->deleted, k->gone = u->gone;
    if (u->next)
        list_push_back(u->next, &k->order); /* behind a node's back is before it */
}

void channel_undo(struct channel *c)
{
    c->dead = 0;
    while (c->undo_count) {
        struct channel_undo *u = &c->undo[--c->undo_count];
        switch (u->kind) {
        case UNDO_PUSH:
            c->used--;
            break;
        case UNDO_DEAD:
            entry_at(c, u->entry)->dead = false;
            break;
        case UNDO_NEW_KEY:
            drop_key(c, u->key);
            break;
        case UNDO_KEY:
            undo_key(u);
            break;
        case UNDO_NUMBERS:
            c->head = u->head, c->floor = u->floor, c->bytes = u->total;
            c->ordinary = u->ordinary, c->live = u->live;
            break;
        }
    }
}

int channel_load(struct channel *c, const struct event *e, pos_t pos)
{
    if (!reserve_undo(c, 5) || !reserve_entry(c))
        return -1;
    c->head = pos;
    if (c->conf->keyed && e->has_key) {
        bool fresh;
        struct channel_key *k = take_key(c, event_key(e), &fresh);
        if (!k)
            return -1;
        c->undo_count = 0;
        if (!fresh) /* kept from a time when the channel was not keyed: two of a key */
            supersede(c, k);
        c->undo_count = 0;
        list_remove(&k->order);
        k->pos = pos, k->bytes = e->bytes, k->deleted = e->deleted;
        if (!e->deleted) {
            list_push_back(&c->order, &k->order);
            c->live++;
        } else {
            push_entry(c, pos, e->bytes, 0, k);
            c->ordinary++;
        }
    } else {
        push_entry(c, pos, e->bytes, 0, NULL);
        c->ordinary++;
    }
    c->bytes += e->bytes;
    return 0;
}
