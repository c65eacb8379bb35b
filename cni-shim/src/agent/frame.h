#pragma once

#include "lib/failure.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_STDIN 1048576
#define MAX_ENVIRONMENT 65536
#define MAX_REPLY 1048576

#define PROTOCOL_VERSION 1

enum { REQUEST_HEADER = 24, REPLY_HEADER = 12 };

/*
 * Stdin is read behind a gap in which environment and header find room in front of it, so that a frame is one
 * piece without a copy.
 */
#define STDIN_OFFSET (REQUEST_HEADER + MAX_ENVIRONMENT)
extern unsigned char frame[STDIN_OFFSET + MAX_STDIN + 1];

/* Reads a number of 1 to 4 bytes, most significant first. */
uint32_t get_be(const unsigned char *at, int bytes);

/* Whether the agent gets this variable, `KEY=VALUE`. */
bool is_forwarded(const char *variable);

/* Writes environment and header in front of the stdin in `frame`. Returns where the frame begins, or NULL. */
unsigned char *encode_frame(char *const *environment, size_t stdin_length, uint64_t started_ns);

struct reply {
	int exit_code;
	size_t length;
};

/*
 * The reason recorded is CODE_TRY_LATER for another protocol version (an upgrade is under way), CODE_IO for
 * what is no reply.
 */
enum outcome decode_reply_header(const unsigned char header[REPLY_HEADER], struct reply *reply);
