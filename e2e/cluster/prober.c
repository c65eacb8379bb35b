/*
 * Finds packets that pass although a policy forbids them.
 *   prober watch PORT BASE...     sends datagrams to all 254 addresses above each BASE, one after the other,
 *                                 for ever; prints a line for each datagram that it gets: of a pod that could
 *                                 send, or answer
 *   prober break PORT ADDRESS...  sends datagrams to these from its first moment on, each millisecond, and
 *                                 answers all that it gets
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_BASES = 8, HOSTS = 254, WATCH_MICROSECONDS = 200, BREAK_MICROSECONDS = 1000 };

static int fail(const char *what)
{
	fprintf(stderr, "Cannot %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_socket(uint16_t port)
{
	struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const int off = 0;
	int link = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (link < 0 || setsockopt(link, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0 ||
		bind(link, (struct sockaddr *)&own, sizeof own) != 0)
		return -1;
	return link;
}

/* IPv4 as mapped into IPv6. */
static int read_address(const char *text, struct in6_addr *address)
{
	char mapped[128];

	if (strchr(text, ':') != NULL) return inet_pton(AF_INET6, text, address) == 1 ? 0 : -1;
	snprintf(mapped, sizeof mapped, "::ffff:%s", text);
	return inet_pton(AF_INET6, mapped, address) == 1 ? 0 : -1;
}

/* Takes what has come: prints who it is from, or sends it back. */
static void take_all(int link, int answers)
{
	struct sockaddr_in6 from;
	socklen_t size = sizeof from;
	char text[INET6_ADDRSTRLEN];

	for (; recvfrom(link, text, 1, 0, (struct sockaddr *)&from, &size) >= 0; size = sizeof from) {
		if (answers)
			sendto(link, "!", 1, 0, (struct sockaddr *)&from, size);
		else if (inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof text) != NULL)
			printf("from %s\n", text);
	}
	fflush(stdout);
}

static int run(uint16_t port, char **words, int count, int isWatching)
{
	struct in6_addr bases[MAX_BASES];
	const int targets = isWatching ? count * HOSTS : count;
	const unsigned pause = isWatching ? WATCH_MICROSECONDS : BREAK_MICROSECONDS;
	int link = open_socket(port), i;

	if (link < 0) return fail("open a socket");
	if (count > MAX_BASES) return 2;
	for (i = 0; i < count; i++)
		if (read_address(words[i], &bases[i]) != 0) return fail(words[i]);
	for (i = 0;; i = (i + 1) % targets) {
		struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = bases[i % count]};

		if (isWatching) to.sin6_addr.s6_addr[15] += (uint8_t)(1 + i / count);
		/* An address that nobody has, or a link that is not up yet, is no fault. */
		sendto(link, "?", 1, 0, (struct sockaddr *)&to, sizeof to);
		take_all(link, !isWatching);
		usleep(pause);
	}
}

int main(int count, char **words)
{
	if (signal(SIGTERM, _exit) == SIG_ERR) return fail("set signals");
	if (count >= 4 && strcmp(words[1], "watch") == 0) return run((uint16_t)atoi(words[2]), words + 3, count - 3, 1);
	if (count >= 4 && strcmp(words[1], "break") == 0) return run((uint16_t)atoi(words[2]), words + 3, count - 3, 0);
	fprintf(stderr, "usage: prober watch PORT BASE... | prober break PORT ADDRESS...\n");
	return 2;
}
