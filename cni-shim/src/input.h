#pragma once

#include "agent/verb.h"
#include "config/config-scan.h"

/* What the runtime gave. */
struct input {
	const struct verb *verb;
	struct config config;
	size_t stdin_length;
	int stdin_errno; /* 0, or why stdin was not read to its end */
	uint64_t started_ns;
	int64_t read_ms;
};

/* A variable; one that is not set is as good as an empty one. */
const char *variable(const char *name);

/* Reads stdin to its end. */
void read_input(struct input *input);

/* Records why stdin could not be read. */
enum outcome fail_stdin(int error);

/*
 * Names all missing variables in one error (SPEC.md, section "Parameters"). An empty container ID is as bad
 * as none.
 */
enum outcome check_variables(const struct verb *verb);
