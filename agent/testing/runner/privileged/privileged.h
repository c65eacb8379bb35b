/* What kernel tests ask of the helper with all rights (privileged.ts). */
#ifndef PRIVILEGED_H
#define PRIVILEGED_H

#include <stddef.h>

struct text {
	char *bytes;
	size_t size;
	size_t room;
};

struct request {
	/* "run", "start", "netns" or "end" */
	const char *kind;
	/* Path of the network namespace to be in; empty for that of the helper. */
	const char *netns;
	/* Both end with NULL. */
	char **command;
	char **environment;
	const char *input;
	size_t input_size;
};

/* Adds what can be read at once; 0 at the end. */
size_t read_more(int fd, struct text *text);

/* Reads a request until the client ends its half of the connection. */
struct request read_request(int connection);

/* Does what is asked, and ends this process when all of that is over. */
_Noreturn void serve_request(int connection);

/* The client throws what this says; ends this process. */
_Noreturn void refuse(int connection, const char *reason, const char *detail);

/* Answers the request, and closes the connection. */
void answer(int connection, int pid, int code, const struct text *out, const struct text *err);

/* "run" and "start": the latter is answered when the program has printed its first line. */
_Noreturn void run_program(int connection, const struct request *request);

#endif
