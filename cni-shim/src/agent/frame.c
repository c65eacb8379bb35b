/* Request and reply on the agent's socket (docs/protocol.md). */
#include "agent/frame.h"
#include "lib/text.h"
#include <string.h>

unsigned char frame[STDIN_OFFSET + MAX_STDIN + 1];

static void put_be(unsigned char *at, uint64_t number, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--, number >>= 8) at[i] = (unsigned char)number;
}

uint32_t get_be(const unsigned char *at, int bytes)
{
	uint32_t number = 0;
	for (int i = 0; i < bytes; i++) number = number << 8 | at[i];
	return number;
}

bool is_forwarded(const char *variable)
{
	return strncmp(variable, "CNI_", 4) == 0 && strchr(variable, '=') != NULL;
}

/*
 * Writes the environment block in front of `end`. Returns its length, 0 when it is larger than
 * MAX_ENVIRONMENT (it is never empty).
 */
static size_t encode_environment(char *const *environment, unsigned char *end)
{
	static const char own[] = "CAUSEWAY_SHIM_VERSION=" CAUSEWAY_VERSION;
	size_t length = sizeof own;
	memcpy(end - length, own, sizeof own);
	for (; *environment != NULL; environment++) {
		if (!is_forwarded(*environment)) continue;
		const size_t size = strlen(*environment) + 1;
		if (size > MAX_ENVIRONMENT - length) return 0;
		length += size;
		memcpy(end - length, *environment, size);
	}
	return length;
}

unsigned char *encode_frame(char *const *environment, size_t stdin_length, uint64_t started_ns)
{
	const size_t size = encode_environment(environment, frame + STDIN_OFFSET);
	if (size == 0) {
		FAIL(CODE_ENVIRONMENT,
			"Cannot send the CNI_* variables to the agent: they are larger than " TEXT_OF(MAX_ENVIRONMENT) " bytes");
		return NULL;
	}
	unsigned char *begin = frame + STDIN_OFFSET - size - REQUEST_HEADER;
	memcpy(begin, "CWAY", 4);
	put_be(begin + 4, REQUEST_HEADER - 8 + size + stdin_length, 4);
	put_be(begin + 8, PROTOCOL_VERSION, 2);
	put_be(begin + 10, 0, 2);
	put_be(begin + 12, size, 4);
	put_be(begin + 16, started_ns, 8);
	return begin;
}

enum outcome decode_reply_header(const unsigned char header[REPLY_HEADER], struct reply *reply)
{
	const uint32_t length = get_be(header + 4, 4);
	const uint32_t version = get_be(header + 8, 2);
	const uint32_t exit_code = get_be(header + 10, 2);
	if (memcmp(header, "CWAY", 4) != 0) return FAIL(CODE_IO, "Cannot read reply of agent: it does not begin with \"CWAY\"");
	if (version != PROTOCOL_VERSION)
		return FAIL(CODE_TRY_LATER, "Cannot read reply of agent: shim speaks protocol " TEXT_OF(PROTOCOL_VERSION) ", agent ",
			decimal(version));
	if (length < REPLY_HEADER - 8) return FAIL(CODE_IO, "Cannot read reply of agent: its length ", decimal(length), " is below 4");
	if (length - (REPLY_HEADER - 8) > MAX_REPLY)
		return FAIL(CODE_IO, "Cannot read reply of agent: its length ", decimal(length),
			" is above the limit of " TEXT_OF(MAX_REPLY) " bytes");
	if (exit_code > 1) return FAIL(CODE_IO, "Cannot read reply of agent: its exit code ", decimal(exit_code), " is neither 0 nor 1");
	reply->exit_code = (int)exit_code;
	reply->length = length - (REPLY_HEADER - 8);
	return OK;
}
