/*
 * Keeps connections to an HTTP server busy in one way until it is killed: what is closed is connected anew at
 * once. Or asks /healthz all the time, as "probe", and prints the microseconds of each answer: -1 for one
 * that did not come within 5 s.
 * usage: load ADDRESS PORT CONNECTIONS pipelined|churn|drip|unread|body|idle
 *        load ADDRESS PORT COUNT probe
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 4096, MANY_REQUESTS = 64, PROBE_PAUSE_MS = 20, DRIP_PAUSE_MS = 1, FEW_BYTES = 2048 };

static const char *BIG = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n";

struct connection {
	int fd;
	size_t sent;
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static const char *kind;
static char request[256], many[MANY_REQUESTS * sizeof request], filler[65536];
static size_t many_size;
static int poll_fd;

static void need(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static int is(const char *name)
{
	return strcmp(kind, name) == 0;
}

static void begin(struct connection *connection)
{
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	need(connection->fd >= 0, "socket");
	connection->sent = 0;
	int few = FEW_BYTES;
	if (is("unread")) need(setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof few) == 0, "setsockopt");
	(void)connect(connection->fd, (struct sockaddr *)&server, sizeof server);
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
	if (is("unread") || is("idle") || is("drip")) event.events = EPOLLOUT | EPOLLRDHUP;
	need(epoll_ctl(poll_fd, EPOLL_CTL_ADD, connection->fd, &event) == 0, "epoll_ctl");
}

static void begin_again(struct connection *connection)
{
	close(connection->fd);
	begin(connection);
}

/* Waits for the end alone. */
static void only_wait(struct connection *connection)
{
	struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = connection};
	need(epoll_ctl(poll_fd, EPOLL_CTL_MOD, connection->fd, &event) == 0, "epoll_ctl");
}

static int send_bytes(struct connection *connection, const char *bytes, size_t size)
{
	ssize_t sent = send(connection->fd, bytes, size, MSG_NOSIGNAL);
	if (sent > 0) connection->sent += (size_t)sent;
	return sent >= 0 || errno == EAGAIN ? 0 : -1;
}

static void proceed(struct connection *connection, uint32_t events)
{
	static char drain[65536];
	int failed = 0;
	if ((events & EPOLLIN) != 0) failed = recv(connection->fd, drain, sizeof drain, 0) == 0 || (events & EPOLLERR) != 0;
	if (failed || (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0 || is("churn")) {
		begin_again(connection);
		return;
	}
	if ((events & EPOLLOUT) == 0) return;
	if (is("pipelined"))
		failed = send_bytes(connection, many, many_size);
	else if (is("body"))
		failed = connection->sent == 0 ? send_bytes(connection, BIG, strlen(BIG)) : send_bytes(connection, filler, sizeof filler);
	else if (is("unread"))
		failed = send_bytes(connection, request, strlen(request));
	if (is("unread") || is("idle") || is("drip")) only_wait(connection);
	if (failed) begin_again(connection);
}

static void drip(struct connection *connections, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct connection *connection = &connections[i];
		const char *byte = connection->sent < strlen(request) - 4 ? request + connection->sent : "x";
		if (send_bytes(connection, byte, 1) != 0 && errno != ENOTCONN) begin_again(connection);
	}
}

static void load(size_t count)
{
	static struct connection connections[MAX_CONNECTIONS];
	struct epoll_event events[256];
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < count; i++) begin(&connections[i]);
	for (;;) {
		int ready = epoll_wait(poll_fd, events, 256, is("drip") ? DRIP_PAUSE_MS : -1);
		for (int i = 0; i < ready; i++) proceed(events[i].data.ptr, events[i].events);
		if (is("drip")) drip(connections, count);
	}
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Microseconds until the whole answer was there and was 200, or -1. */
static int64_t probe_once(void)
{
	char answer[1024] = "";
	struct timeval patience = {.tv_sec = 5};
	int64_t start = now_us();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0,
		"socket");
	ssize_t size = connect(fd, (struct sockaddr *)&server, sizeof server);
	if (size == 0) size = send(fd, request, strlen(request), MSG_NOSIGNAL);
	for (size_t length = 0; size > 0 && length < sizeof answer - 1; length += (size_t)size)
		size = recv(fd, answer + length, sizeof answer - 1 - length, 0);
	close(fd);
	return size == 0 && strncmp(answer, "HTTP/1.1 200", 12) == 0 ? now_us() - start : -1;
}

int main(int argc, char **argv)
{
	if (argc != 5 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
		fprintf(stderr, "usage: load ADDRESS PORT COUNT KIND\n");
		return 2;
	}
	kind = argv[4];
	server.sin_port = htons((uint16_t)atoi(argv[2]));
	size_t count = (size_t)atoi(argv[3]);
	snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", is("probe") ? "/healthz" : "/metrics", argv[1]);
	for (int i = 0; i < MANY_REQUESTS; i++, many_size += strlen(request)) memcpy(many + many_size, request, strlen(request));
	if (!is("probe") && count <= MAX_CONNECTIONS) load(count);
	for (size_t i = 0; i < count; i++, usleep(PROBE_PAUSE_MS * 1000)) {
		printf("%lld\n", (long long)probe_once());
		fflush(stdout);
	}
	return 0;
}
