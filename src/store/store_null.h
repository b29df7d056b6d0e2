/* store_null.h - takes everything and keeps nothing but how far each tenant's log goes: for
 * benchmarks of all the rest. Every page is empty. See core/store.h. */
#ifndef FRESHET_STORE_STORE_NULL_H
#define FRESHET_STORE_STORE_NULL_H

#include "core/store.h"

/* 0 with a new store in *out, or ERR_OVERLOADED (no memory) with e filled. */
int store_null_new(struct store **out, struct err *e);

#endif
