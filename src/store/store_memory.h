/* store_memory.h - logs in memory: gone with the process. Completes appends and reads in the
 * drain that follows; holds references to the events it was given. See core/store.h. */
#ifndef FRESHET_STORE_STORE_MEMORY_H
#define FRESHET_STORE_STORE_MEMORY_H

#include "core/store.h"

/* 0 with a new store in *out, or ERR_OVERLOADED (no memory) with e filled. */
int store_memory_new(struct store **out, struct err *e);

#endif
