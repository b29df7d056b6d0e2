/* list.h - a doubly linked ring of nodes that live inside other structs. Owns nothing; one
 * thread at a time. A node that is in no list points at itself, so removing it again is harmless. */
#ifndef FRESHET_BASE_LIST_H
#define FRESHET_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* Walks head's nodes; `node` may be removed in the body. */
#define LIST_EACH(head, node, after)                                                               \
    for (struct list *node = (head)->next, *after = node->next; node != (head);                    \
         node = after, after = node->next)

static inline void list_init(struct list *n)
{
    n->prev = n->next = n;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

/* n must be in no list. */
static inline void list_push_back(struct list *head, struct list *n)
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}

/* Moves n, from wherever it is, to the back of head. */
static inline void list_move_back(struct list *head, struct list *n)
{
    list_remove(n);
    list_push_back(head, n);
}

/* The first node, removed; NULL when empty. */
static inline struct list *list_pop(struct list *head)
{
    if (list_empty(head))
        return NULL;
    struct list *n = head->next;
    list_remove(n);
    return n;
}

/* Appends all nodes of `from` to `to`, leaving `from` empty. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
