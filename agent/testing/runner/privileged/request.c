/* Requests as privileged.ts writes them: strings with a zero byte each, then what the program is to read. */
#include "privileged.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHUNK = 65536 };

size_t read_more(int fd, struct text *text)
{
	if (text->room - text->size < CHUNK) {
		text->room = 2 * text->room + CHUNK;
		text->bytes = realloc(text->bytes, text->room);
		if (text->bytes == NULL) abort();
	}
	ssize_t size = read(fd, text->bytes + text->size, text->room - text->size);
	if (size <= 0) return 0;
	text->size += (size_t)size;
	return (size_t)size;
}

static void write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);
		if (written <= 0) return;
		bytes += written;
		size -= (size_t)written;
	}
}

void answer(int connection, int pid, int code, const struct text *out, const struct text *err)
{
	dprintf(connection, "%d %d %zu\n", pid, code, out->size);
	write_all(connection, out->bytes, out->size);
	write_all(connection, err->bytes, err->size);
	close(connection);
}

_Noreturn void refuse(int connection, const char *reason, const char *detail)
{
	dprintf(connection, "! %s: %s", reason, detail);
	exit(0);
}

static char *next_string(char **at, const char *end)
{
	char *start = *at, *zero = memchr(start, 0, (size_t)(end - start));
	if (zero == NULL) abort();
	*at = zero + 1;
	return start;
}

static char **next_list(char **at, const char *end)
{
	size_t count = strtoul(next_string(at, end), NULL, 10);
	char **list = calloc(count + 1, sizeof *list);
	if (list == NULL) abort();
	for (size_t i = 0; i < count; i++) list[i] = next_string(at, end);
	return list;
}

struct request read_request(int connection)
{
	struct text text = {0};
	while (read_more(connection, &text) > 0)
		;
	char *at = text.bytes, *end = text.bytes + text.size;
	struct request request = {.kind = next_string(&at, end), .netns = next_string(&at, end)};
	request.command = next_list(&at, end);
	request.environment = next_list(&at, end);
	request.input = at;
	request.input_size = (size_t)(end - at);
	return request;
}

/* This process is the one that the namespace lives as long as. */
static _Noreturn void hold_netns(int connection)
{
	struct text none = {0};
	if (unshare(CLONE_NEWNET) != 0) refuse(connection, "unshare", strerror(errno));
	answer(connection, getpid(), 0, &none, &none);
	for (;;) pause();
}

/* Sends a process a signal, and waits until it has ended; it may have done so before. */
static _Noreturn void end_process(int connection, char **arguments)
{
	struct text none = {0};
	int pid = atoi(arguments[0]);
	struct pollfd process = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	if (process.fd >= 0 && syscall(SYS_pidfd_send_signal, process.fd, atoi(arguments[1]), NULL, 0) == 0) poll(&process, 1, -1);
	answer(connection, pid, 0, &none, &none);
	exit(0);
}

_Noreturn void serve_request(int connection)
{
	signal(SIGPIPE, SIG_IGN);
	struct request request = read_request(connection);
	if (strcmp(request.kind, "netns") == 0) hold_netns(connection);
	if (strcmp(request.kind, "end") == 0) end_process(connection, request.command);
	run_program(connection, &request);
}
