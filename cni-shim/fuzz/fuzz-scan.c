/*
 * libFuzzer target: any bytes as the network configuration. The scanner must stay inside them, and keep what
 * it promises.
 */
#include "config/config-scan.h"
#include "lib/text.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly `size` bytes on the heap, so that the sanitizer sees a read of one byte more. */
static unsigned char *exact_copy(const uint8_t *data, size_t size)
{
	unsigned char *copy = malloc(size == 0 ? 1 : size);
	if (copy == NULL) abort();
	if (size > 0) memcpy(copy, data, size);
	return copy;
}

static void check_value(const struct value *value)
{
	if (value->state != VALUE_STRING) return;
	if (memchr(value->text, '\0', sizeof value->text) == NULL) abort();
}

/* What append_json() writes is one JSON string that reads back as the same text, as far as that was UTF-8. */
static void check_json(const struct value *value)
{
	char bytes[6 * sizeof value->text + 2];
	struct text text = {.bytes = bytes, .capacity = sizeof bytes};
	append_json(&text, value->text);
	if (text.overflow) abort();
	bool utf8 = true;
	for (const unsigned char *s = (const unsigned char *)value->text; *s != '\0'; s += utf8_length(s)) {
		utf8 = utf8_length(s) != 0;
		if (!utf8) break;
	}
	struct cursor cursor = {(const unsigned char *)bytes, (const unsigned char *)bytes + text.length};
	struct value again;
	if (read_string(&cursor, &again) != OK || cursor.at != cursor.end) abort();
	if (utf8 && (again.state != VALUE_STRING || strcmp(again.text, value->text) != 0)) abort();
}

/* A complete configuration nested as the first member of another one must be passed over as a whole. */
static void check_nested(const unsigned char *json, size_t size)
{
	static const char head[] = "{\"nested\":";
	static const char tail[] = ",\"socket\":\"/after\"}";
	const size_t length = sizeof head - 1 + size + sizeof tail - 1;
	unsigned char *outer = malloc(length);
	if (outer == NULL) abort();
	memcpy(outer, head, sizeof head - 1);
	memcpy(outer + sizeof head - 1, json, size);
	memcpy(outer + sizeof head - 1 + size, tail, sizeof tail - 1);
	struct config config;
	scan_config(outer, length, &config);
	if (!config.complete || config.version.state != VALUE_ABSENT) abort();
	if (config.socket.state != VALUE_STRING || strcmp(config.socket.text, "/after") != 0) abort();
	free(outer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	unsigned char *json = exact_copy(data, size);
	scan_config(json, size, &config);
	check_value(&config.version);
	check_value(&config.socket);
	if (config.version.state == VALUE_STRING) check_json(&config.version);
	if (config.socket.state == VALUE_STRING) check_json(&config.socket);
	if (config.complete && size < MAX_DEPTH) check_nested(json, size);
	free(json);
	return 0;
}
