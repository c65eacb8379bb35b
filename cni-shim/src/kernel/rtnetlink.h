#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What an answer tells of a link. An empty alias is none: the kernel sends it only when there is one. */
struct link {
	int index;
	unsigned flags;
	char alias[10]; /* enough for the first word */
	char kind[16];
};

/* Opens a socket in the network namespace that the process is in. */
int open_rtnetlink(void);

/* These return 0 or an errno. */
int get_link(int fd, const char *name, struct link *link);
int set_link_up(int fd, const char *name, bool up);

/* By index: the name could by now belong to a link that somebody else made. */
int delete_link(int fd, int index);

/*
 * Reads the kernel's answer to one request. Returns 0 or an errno; fills *link, if it is wanted, from a
 * description of a link.
 */
int parse_answer(const unsigned char *bytes, size_t length, struct link *link);
