/* value.h - JSON values as values: equal when they mean the same (numbers as exact decimals,
 * strings by their characters, objects whatever the order of their members), as JSON Schema has it
 * (section 4.2.2). For values that json_check passed. Pure; any thread. */
#ifndef FRESHET_JSON_VALUE_H
#define FRESHET_JSON_VALUE_H

#include "base/slice.h"

#include <stdint.h>

/* *steps: what may still be spent; counts down, and at 0 nothing is equal any more. */
bool value_equal(struct slice a, struct slice b, uint64_t *steps);

/* Equal for equal values. */
uint64_t value_hash(struct slice value);

/* How many characters (code points) raw stands for: the inside of a string, still escaped. */
uint64_t value_chars(struct slice raw);

/* Whether two raw texts stand for the same characters. */
bool value_text_equal(struct slice a, struct slice b);

#endif
