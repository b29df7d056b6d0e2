/* gate.h - lets many threads in, and now and then one alone. Unlike a plain read-write lock, a
 * thread that wants to be alone is not kept waiting by those that come later. */
#ifndef FRESHET_STORE_GATE_H
#define FRESHET_STORE_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned inside;
    bool closed;
};

int gate_init(struct gate *g); /* 0, or an errno */
void gate_fini(struct gate *g);

/* Waits while the gate is closed. */
void gate_enter(struct gate *g);
void gate_leave(struct gate *g);

/* Keeps others out and waits until nobody is inside. By one thread at a time. */
void gate_close(struct gate *g);
void gate_open(struct gate *g);

#endif
