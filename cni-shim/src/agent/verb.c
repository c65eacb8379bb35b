/* The commands of the CNI specification. */
#include "agent/verb.h"
#include <stddef.h>
#include <string.h>

/*
 * How long ADD and CHECK wait for an agent that is away, so that its upgrade fails no pod. A test build makes
 * it shorter.
 */
#ifndef AGENT_WAIT_MS
#define AGENT_WAIT_MS 20000
#endif

enum {
	DEL_ANSWER_MS = 1300,    /* leaves 200 ms of the promised 1.5 s for the deletion without the agent */
	STATUS_ANSWER_MS = 5000, /* a kubelet asks every 5 s */
};

static const struct verb verbs[] = {
	{"ADD", NEEDS_CONTAINERID | NEEDS_NETNS | NEEDS_IFNAME, AGENT_WAIT_MS, 0, CODE_TRY_LATER},
	{"DEL", NEEDS_CONTAINERID | NEEDS_IFNAME, 0, DEL_ANSWER_MS, CODE_TRY_LATER},
	{"CHECK", NEEDS_CONTAINERID | NEEDS_NETNS | NEEDS_IFNAME, AGENT_WAIT_MS, 0, CODE_TRY_LATER},
	{"GC", 0, 0, 0, CODE_TRY_LATER},
	{"STATUS", 0, 0, STATUS_ANSWER_MS, CODE_NOT_AVAILABLE},
	{"VERSION", 0, 0, 0, CODE_TRY_LATER},
};

bool verb_is(const struct verb *verb, const char *name)
{
	return strcmp(verb->name, name) == 0;
}

const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (verb_is(&verbs[i], name)) return &verbs[i];
	FAIL(CODE_ENVIRONMENT, "Cannot use CNI_COMMAND \"", name, "\": supported are ADD, DEL, CHECK, GC, STATUS, VERSION");
	return NULL;
}
