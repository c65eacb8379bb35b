/*
 * The pods of the cluster's tests.
 *   peer serve PORT                  tells every client its own host name and the client's address: of TCP
 *                                    once it has sent all it wants, of UDP for each datagram
 *   peer ask MILLISECONDS TARGET...  asks servers, all at once; prints a line "TARGET ANSWER" for each.
 *                                    TARGET: ADDRESS,PORT or ADDRESS,PORT/udp
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TARGETS = 1024, ANSWER_SIZE = 256 };

static int fail(const char *what)
{
	fprintf(stderr, "Cannot %s: %s\n", what, strerror(errno));
	return 1;
}

/* The answer to a client, in `text`; its length, or -1. */
static int describe(const struct sockaddr_in6 *client, char *text)
{
	char host[64] = "", from[INET6_ADDRSTRLEN] = "";
	const char *mapped = "::ffff:";

	if (gethostname(host, sizeof host) != 0 || inet_ntop(AF_INET6, &client->sin6_addr, from, sizeof from) == NULL) return -1;
	return snprintf(text, ANSWER_SIZE, "%s %s\n", host, strncmp(from, mapped, strlen(mapped)) == 0 ? from + strlen(mapped) : from);
}

/* Reads until the client has ended, answers, and ends. */
static int answer(int client, const struct sockaddr_in6 *address)
{
	char text[ANSWER_SIZE], buffer[65536];
	ssize_t got;
	int length;

	while ((got = read(client, buffer, sizeof buffer)) > 0) continue;
	if (got < 0) return 1;
	length = describe(address, text);
	if (length < 0) return fail("describe a client");
	return write(client, text, (size_t)length) == length ? 0 : 1;
}

static int serve_datagrams(const struct sockaddr_in6 *own)
{
	const int off = 0;
	int server = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (server < 0 || setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0 ||
		bind(server, (const struct sockaddr *)own, sizeof *own) != 0)
		return fail("listen to datagrams");
	for (;;) {
		struct sockaddr_in6 client;
		socklen_t size = sizeof client;
		char text[ANSWER_SIZE];
		int length;

		if (recvfrom(server, text, sizeof text, 0, (struct sockaddr *)&client, &size) < 0) continue;
		length = describe(&client, text);
		if (length > 0) sendto(server, text, (size_t)length, 0, (struct sockaddr *)&client, size);
	}
}

static int serve(const char *port)
{
	struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
	const int on = 1, off = 0;
	pid_t datagrams;
	int server;

	/* As first process of a container it gets no default action for signals; children need no reaping. */
	if (signal(SIGTERM, _exit) == SIG_ERR || signal(SIGCHLD, SIG_IGN) == SIG_ERR) return fail("set signals");
	server = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server < 0 || setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
		setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0 ||
		bind(server, (struct sockaddr *)&own, sizeof own) != 0 || listen(server, 256) != 0)
		return fail("listen");
	datagrams = fork();
	if (datagrams < 0) return fail("fork");
	if (datagrams == 0) _exit(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? serve_datagrams(&own) : 1);
	for (;;) {
		struct sockaddr_in6 address;
		socklen_t size = sizeof address;
		int client = accept(server, (struct sockaddr *)&address, &size);
		pid_t child;

		if (client < 0) {
			if (errno == EINTR || errno == ECONNABORTED) continue;
			return fail("accept");
		}
		child = fork();
		if (child == 0) _exit(answer(client, &address));
		if (child < 0) fail("fork");
		close(client);
	}
}

/* A connection on its way to "ADDRESS,PORT", or a socket that is connected to "ADDRESS,PORT/udp"; or -1. */
static int start(const char *target)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
	char address[128];
	char *comma, *protocol;
	int link;

	snprintf(address, sizeof address, "%s", target);
	comma = strrchr(address, ',');
	if (comma == NULL) return -1;
	*comma = 0;
	protocol = strchr(comma + 1, '/');
	if (protocol != NULL) {
		*protocol = 0;
		hints.ai_socktype = SOCK_DGRAM;
	}
	if (getaddrinfo(address, comma + 1, &hints, &found) != 0) return -1;
	link = socket(found->ai_family, hints.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link >= 0 && connect(link, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
		close(link);
		link = -1;
	}
	freeaddrinfo(found);
	return link;
}

static int is_datagram(int link)
{
	int type = 0;
	socklen_t size = sizeof type;

	return getsockopt(link, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

static long milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Takes what has happened to one connection; whether it is finished. */
static int advance(struct pollfd *poller, char *text)
{
	size_t length = strlen(text);
	ssize_t got;

	if (poller->events == POLLOUT) {
		int error = 0;
		socklen_t size = sizeof error;
		if (getsockopt(poller->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
			snprintf(text, ANSWER_SIZE, "error: %s", strerror(error));
			return 1;
		}
		if (is_datagram(poller->fd))
			send(poller->fd, "?", 1, 0);
		else
			shutdown(poller->fd, SHUT_WR);
		poller->events = POLLIN;
		return 0;
	}
	got = read(poller->fd, text + length, ANSWER_SIZE - 1 - length);
	if (got > 0) return is_datagram(poller->fd);
	if (got < 0) snprintf(text, ANSWER_SIZE, "error: %s", strerror(errno));
	return 1;
}

static int ask(long patience, char **targets, int count)
{
	static struct pollfd pollers[MAX_TARGETS];
	static char answers[MAX_TARGETS][ANSWER_SIZE];
	long deadline = milliseconds() + patience;
	int left = 0, i;

	if (count > MAX_TARGETS) return 2;
	for (i = 0; i < count; i++) {
		pollers[i] = (struct pollfd){.fd = start(targets[i]), .events = POLLOUT};
		if (pollers[i].fd >= 0)
			left++;
		else
			snprintf(answers[i], ANSWER_SIZE, "error: %s", strerror(errno));
	}
	while (left > 0) {
		long wait = deadline - milliseconds();
		if (wait <= 0 || poll(pollers, (nfds_t)count, (int)wait) <= 0) break;
		for (i = 0; i < count; i++) {
			if (pollers[i].fd < 0 || pollers[i].revents == 0 || !advance(&pollers[i], answers[i])) continue;
			close(pollers[i].fd);
			pollers[i].fd = -1;
			left--;
		}
	}
	for (i = 0; i < count; i++) {
		answers[i][strcspn(answers[i], "\n")] = 0;
		printf("%s %s\n", targets[i], pollers[i].fd < 0 ? answers[i] : "error: no answer");
	}
	return 0;
}

int main(int count, char **words)
{
	if (count == 3 && strcmp(words[1], "serve") == 0) return serve(words[2]);
	if (count >= 3 && strcmp(words[1], "ask") == 0) return ask(atol(words[2]), words + 3, count - 3);
	fprintf(stderr, "usage: peer serve PORT | peer ask MILLISECONDS ADDRESS,PORT[/udp]...\n");
	return 2;
}
