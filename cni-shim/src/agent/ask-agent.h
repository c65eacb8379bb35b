#pragma once

#include "agent/frame.h"
#include "agent/verb.h"
#include "kernel/netns.h"

/* What goes to the agent. */
struct request {
	const struct verb *verb;
	const char *socket;
	const unsigned char *begin;
	size_t length;
	const struct pod *pod; /* NULL: no descriptors */
	int64_t read_ms;       /* when stdin had ended */
};

extern unsigned char reply_body[MAX_REPLY];

/* One request and its reply, whose body is left in `reply_body`. */
enum outcome ask_agent(const struct request *request, struct reply *reply);

/* Reads one reply from a socket that is connected. */
enum outcome receive_reply(int fd, const struct request *request, struct reply *reply);
