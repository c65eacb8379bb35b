#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are appended to; what does not fit is dropped and remembered. */
struct text {
	char *bytes;
	size_t capacity;
	size_t length;
	bool overflow;
};

void put(struct text *text, unsigned char byte);
void append(struct text *text, const char *string);

/* Appends a Unicode character as UTF-8. */
void put_utf8(struct text *text, uint32_t code);

/*
 * Length of the well-formed UTF-8 sequence at the head of `s` (RFC 3629, section 4), or 0. `s` ends with NUL,
 * which stops every look-ahead.
 */
size_t utf8_length(const unsigned char *s);

/*
 * Appends `string` as a JSON string with its quotes. A byte that is no UTF-8 becomes U+FFFD: a path may hold
 * any byte, JSON may not.
 */
void append_json(struct text *text, const char *string);

/* Decimal form, valid until the next call. */
const char *decimal(uint64_t number);

/* The value of a macro as a string literal. */
#define TEXT_OF(number) TEXT_OF_VALUE(number)
#define TEXT_OF_VALUE(number) #number
