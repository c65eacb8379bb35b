/* Text that is appended to, in UTF-8 and JSON. */
#include "lib/text.h"

void put(struct text *text, unsigned char byte)
{
	if (text->length < text->capacity)
		text->bytes[text->length++] = (char)byte;
	else
		text->overflow = true;
}

void append(struct text *text, const char *string)
{
	while (*string != '\0') put(text, (unsigned char)*string++);
}

void put_utf8(struct text *text, uint32_t code)
{
	if (code < 0x80) {
		put(text, (unsigned char)code);
		return;
	}
	if (code < 0x800) {
		put(text, (unsigned char)(0xc0 | code >> 6));
	} else {
		if (code < 0x10000) {
			put(text, (unsigned char)(0xe0 | code >> 12));
		} else {
			put(text, (unsigned char)(0xf0 | code >> 18));
			put(text, (unsigned char)(0x80 | (code >> 12 & 0x3f)));
		}
		put(text, (unsigned char)(0x80 | (code >> 6 & 0x3f)));
	}
	put(text, (unsigned char)(0x80 | (code & 0x3f)));
}

size_t utf8_length(const unsigned char *s)
{
	if (s[0] < 0x80) return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
	const size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80) return 0;
	if (s[0] == 0xe0 && s[1] < 0xa0) return 0; /* overlong */
	if (s[0] == 0xed && s[1] > 0x9f) return 0; /* surrogate */
	if (s[0] == 0xf0 && s[1] < 0x90) return 0; /* overlong */
	if (s[0] == 0xf4 && s[1] > 0x8f) return 0; /* above U+10FFFF */
	return length;
}

void append_json(struct text *text, const char *string)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)string;
	put(text, '"');
	while (*s != '\0') {
		const size_t length = utf8_length(s);
		if (length == 0) {
			append(text, "\\ufffd");
			s++;
		} else if (*s < 0x20) {
			append(text, "\\u00");
			put(text, (unsigned char)hex[*s >> 4]);
			put(text, (unsigned char)hex[*s & 15]);
			s++;
		} else {
			if (*s == '"' || *s == '\\') put(text, '\\');
			for (size_t i = 0; i < length; i++) put(text, *s++);
		}
	}
	put(text, '"');
}

const char *decimal(uint64_t number)
{
	static char digits[21];
	char *at = digits + sizeof digits - 1;
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return at;
}
