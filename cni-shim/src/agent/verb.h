#pragma once

#include "lib/failure.h"
#include <stdbool.h>
#include <stdint.h>

enum { NEEDS_CONTAINERID = 1, NEEDS_NETNS = 2, NEEDS_IFNAME = 4 };

/* A command of the specification, what it needs, and how patient it is. */
struct verb {
	const char *name;
	unsigned needs;
	int64_t absent_ms;          /* how long it waits for an agent that is away */
	int64_t answer_ms;          /* from the end of stdin to the reply; 0: as long as the agent holds the connection */
	enum cni_error unavailable; /* code when there is no agent, or it leaves */
};

/* How long a command waits for a place in the queue of an agent that is there. */
enum { BUSY_WAIT_MS = 1300 };

/* The command of that name; NULL with the reason recorded. */
const struct verb *find_verb(const char *name);
bool verb_is(const struct verb *verb, const char *name);
