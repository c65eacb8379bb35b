#pragma once

#include "lib/failure.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

enum value_state { VALUE_ABSENT, VALUE_UNUSABLE, VALUE_STRING };

/* A string of the configuration. Unusable: not a string, too long for any use here, or with a NUL inside. */
struct value {
	enum value_state state;
	char text[sizeof((struct sockaddr_un *)NULL)->sun_path];
};

struct cursor {
	const unsigned char *at;
	const unsigned char *end;
};

/* Nesting of JSON; the runtimes' own parser refuses more. */
enum { MAX_DEPTH = 10000 };

/* The byte under the cursor; NUL, which is nowhere allowed, at the end. */
unsigned char peek(const struct cursor *cursor);

/* Passes `byte` if it is the next one. */
bool take(struct cursor *cursor, unsigned char byte);
void skip_blanks(struct cursor *cursor);

/*
 * Reads a string with its quotes and escapes into `value`. Fails, without a reason, when it is malformed or
 * has no end.
 */
enum outcome read_string(struct cursor *cursor, struct value *value);

/*
 * Passes one value of any kind, counting brackets instead of recursing. Fails, without a reason, when it has
 * no end.
 */
enum outcome skip_value(struct cursor *cursor);
