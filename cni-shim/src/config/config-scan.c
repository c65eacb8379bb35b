/* What the shim needs of a network configuration. */
#include "config/config-scan.h"
#include <string.h>

/* Reads one `"key": value`. */
static enum outcome scan_member(struct cursor *cursor, struct config *config)
{
	struct value key;
	if (read_string(cursor, &key) != OK) return FAILED;
	skip_blanks(cursor);
	if (!take(cursor, ':')) return FAILED;
	skip_blanks(cursor);
	struct value *wanted = NULL;
	if (key.state == VALUE_STRING && strcmp(key.text, "cniVersion") == 0) wanted = &config->version;
	if (key.state == VALUE_STRING && strcmp(key.text, "socket") == 0) wanted = &config->socket;
	if (wanted == NULL) return skip_value(cursor);
	if (peek(cursor) == '"') return read_string(cursor, wanted);
	wanted->state = VALUE_UNUSABLE;
	return skip_value(cursor);
}

void scan_config(const unsigned char *json, size_t length, struct config *config)
{
	struct cursor cursor = {json, json + length};
	memset(config, 0, sizeof *config);
	skip_blanks(&cursor);
	if (!take(&cursor, '{')) return;
	skip_blanks(&cursor);
	if (!take(&cursor, '}')) {
		do {
			skip_blanks(&cursor);
			if (scan_member(&cursor, config) != OK) return;
			skip_blanks(&cursor);
		} while (take(&cursor, ','));
		if (!take(&cursor, '}')) return;
	}
	skip_blanks(&cursor);
	config->complete = cursor.at == cursor.end;
}
