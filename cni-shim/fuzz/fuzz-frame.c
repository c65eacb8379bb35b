/*
 * libFuzzer target: the first byte chooses between writing a frame (the rest is environment strings and
 * stdin) and reading a reply (the rest is what an agent sends before it closes).
 */
#include "agent/ask-agent.h"
#include "kernel/host-link.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_VARIABLES = 32 };

/* Whether `variable` stands in the block, as KEY=VALUE and its NUL. */
static bool holds(const unsigned char *block, size_t length, const char *variable)
{
	for (size_t at = 0; at < length; at += strlen((const char *)block + at) + 1)
		if (strcmp((const char *)block + at, variable) == 0) return true;
	return false;
}

/* Decodes the frame as docs/protocol.md says, and compares with what went in. */
static void check_frame(char *const *environment, const uint8_t *input, size_t input_length)
{
	memcpy(frame + STDIN_OFFSET, input, input_length);
	const unsigned char *begin = encode_frame(environment, input_length, 0x0102030405060708);
	if (begin == NULL || begin < frame) abort();
	const size_t total = (size_t)(frame + STDIN_OFFSET + input_length - begin);
	const size_t block_length = get_be(begin + 12, 4);
	if (memcmp(begin, "CWAY", 4) != 0 || get_be(begin + 4, 4) != total - 8 || get_be(begin + 8, 2) != 1 || get_be(begin + 10, 2) != 0)
		abort();
	if (get_be(begin + 16, 4) != 0x01020304 || get_be(begin + 20, 4) != 0x05060708) abort();
	if (REQUEST_HEADER + block_length + input_length != total) abort();
	const unsigned char *block = begin + REQUEST_HEADER;
	if (block[block_length - 1] != '\0') abort();
	size_t expected = 1;
	for (; *environment != NULL; environment++) {
		if (!is_forwarded(*environment)) continue;
		expected++;
		if (!holds(block, block_length, *environment)) abort();
	}
	for (size_t i = 0; i < block_length; i++) expected -= block[i] == '\0';
	if (expected != 0 || !holds(block, block_length, "CAUSEWAY_SHIM_VERSION=" CAUSEWAY_VERSION)) abort();
	if (memcmp(block + block_length, input, input_length) != 0) abort();
}

/* Strings up to the first empty one are the environment, what follows is stdin. */
static void write_frame(const uint8_t *data, size_t size)
{
	char *environment[MAX_VARIABLES + 1];
	size_t count = 0;
	char *copy = malloc(size + 1);
	if (copy == NULL) abort();
	if (size > 0) memcpy(copy, data, size);
	copy[size] = '\0';
	size_t at = 0;
	while (at < size && copy[at] != '\0' && count < MAX_VARIABLES) {
		environment[count++] = copy + at;
		at += strlen(copy + at) + 1;
	}
	environment[count] = NULL;
	check_frame(environment, data + (at < size ? at : size), at < size ? size - at : 0);
	free(copy);
}

/* Any bytes, then the end: a reply or a recorded reason, never a wait. */
static void read_reply(const uint8_t *data, size_t size)
{
	const struct request request = {.verb = find_verb("ADD"), .socket = "/s"};
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) abort();
	if (size > 0 && write(pair[1], data, size) != (ssize_t)size) abort();
	close(pair[1]);
	struct reply reply;
	failure.message[0] = '\0';
	if (receive_reply(pair[0], &request, &reply) == OK) {
		if (reply.exit_code > 1 || reply.length > size - REPLY_HEADER) abort();
		if (memcmp(reply_body, data + REPLY_HEADER, reply.length) != 0) abort();
	} else if (failure.message[0] == '\0') {
		abort();
	}
	close(pair[0]);
}

/* The kernel is trusted, but not to have one layout for ever: any bytes as its answer. */
static void read_answer(const uint8_t *data, size_t size)
{
	unsigned char *copy = malloc(size == 0 ? 1 : size);
	if (copy == NULL) abort();
	if (size > 0) memcpy(copy, data, size);
	struct link link = {0};
	if (parse_answer(copy, size, &link) == 0) {
		if (memchr(link.alias, '\0', sizeof link.alias) == NULL || memchr(link.kind, '\0', sizeof link.kind) == NULL) abort();
		if (is_ours(&link, "veth") && link.alias[0] == '\0' && strcmp(link.kind, "veth") != 0) abort();
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	if (data[0] % 3 == 0) write_frame(data + 1, size - 1);
	if (data[0] % 3 == 1) read_reply(data + 1, size - 1);
	if (data[0] % 3 == 2) read_answer(data + 1, size - 1);
	return 0;
}
