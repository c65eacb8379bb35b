/* JSON that is passed over, not parsed: strings are read, everything else is skipped. */
#include "config/json.h"
#include "lib/text.h"
#include <string.h>

unsigned char peek(const struct cursor *cursor)
{
	return cursor->at < cursor->end ? *cursor->at : '\0';
}

bool take(struct cursor *cursor, unsigned char byte)
{
	if (byte == '\0' || peek(cursor) != byte) return false;
	cursor->at++;
	return true;
}

static bool is_blank(unsigned char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

void skip_blanks(struct cursor *cursor)
{
	while (is_blank(peek(cursor))) cursor->at++;
}

static enum outcome read_hex4(struct cursor *cursor, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++, cursor->at++) {
		const unsigned char byte = peek(cursor);
		const unsigned char letter = byte | 0x20;
		if (byte >= '0' && byte <= '9')
			*code = *code << 4 | (uint32_t)(byte - '0');
		else if (letter >= 'a' && letter <= 'f')
			*code = *code << 4 | (uint32_t)(letter - 'a' + 10);
		else
			return FAILED;
	}
	return OK;
}

/*
 * Reads what follows `\u`. A pair of surrogates is one character; half a pair is U+FFFD, as in the runtimes'
 * parser.
 */
static enum outcome read_unicode_escape(struct cursor *cursor, uint32_t *code)
{
	if (read_hex4(cursor, code) != OK) return FAILED;
	if (*code < 0xd800 || *code > 0xdfff) return OK;
	struct cursor ahead = *cursor;
	uint32_t low;
	if (*code < 0xdc00 && take(&ahead, '\\') && take(&ahead, 'u') && read_hex4(&ahead, &low) == OK && low >= 0xdc00 && low <= 0xdfff) {
		*code = 0x10000 + ((*code - 0xd800) << 10 | (low - 0xdc00));
		*cursor = ahead;
	} else {
		*code = 0xfffd;
	}
	return OK;
}

/* Reads what follows a backslash (RFC 8259, section 7). */
static enum outcome read_escape(struct cursor *cursor, uint32_t *code)
{
	static const char names[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	if (take(cursor, 'u')) return read_unicode_escape(cursor, code);
	const unsigned char byte = peek(cursor);
	const char *name = byte == '\0' ? NULL : strchr(names, byte);
	if (name == NULL) return FAILED;
	*code = (unsigned char)meanings[name - names];
	cursor->at++;
	return OK;
}

enum outcome read_string(struct cursor *cursor, struct value *value)
{
	struct text text = {.bytes = value->text, .capacity = sizeof value->text - 1};
	value->state = VALUE_UNUSABLE;
	if (!take(cursor, '"')) return FAILED;
	while (!take(cursor, '"')) {
		uint32_t code = peek(cursor);
		if (code < 0x20) return FAILED;
		cursor->at++;
		if (code != '\\') {
			put(&text, (unsigned char)code);
		} else {
			if (read_escape(cursor, &code) != OK) return FAILED;
			put_utf8(&text, code);
		}
	}
	value->text[text.length] = '\0';
	if (!text.overflow && strlen(value->text) == text.length) value->state = VALUE_STRING;
	return OK;
}

static bool is_structural(unsigned char byte)
{
	return byte == '\0' || strchr("{}[]:,\"", byte) != NULL || is_blank(byte);
}

enum outcome skip_value(struct cursor *cursor)
{
	struct value ignored;
	size_t depth = 0;
	do {
		const unsigned char byte = peek(cursor);
		if (byte == '"') {
			if (read_string(cursor, &ignored) != OK) return FAILED;
		} else if (byte == '{' || byte == '[') {
			if (++depth > MAX_DEPTH) return FAILED;
			cursor->at++;
		} else if (depth > 0 && (byte == '}' || byte == ']')) {
			depth--;
			cursor->at++;
		} else if (depth > 0 && (byte == ',' || byte == ':' || is_blank(byte))) {
			cursor->at++;
		} else if (!is_structural(byte)) {
			while (!is_structural(peek(cursor))) cursor->at++;
		} else {
			return FAILED;
		}
	} while (depth > 0);
	return OK;
}
