/*
 * Sends traffic from one network namespace to another and counts what arrives.
 *
 * usage: traffic KIND SERVER CLIENT ADDRESS PORT MILLISECONDS
 *   KIND          stream  bytes over one TCP connection
 *                 rr      one byte there and one back over a TCP connection, one after the other
 *                 crr     the same with a new connection for each
 *                 udp     datagrams that make the smallest frames, and get no answer: connection
 *                         tracking takes each for the first of a connection (IP_CT_NEW)
 *                 udp-answered  the same, but the first is answered
 *   SERVER,CLIENT paths of the network namespaces
 *   ADDRESS       IPv4 address at which the client reaches the server
 * Prints how many bytes, round trips or datagrams arrived, in how many nanoseconds, and how many
 * nanoseconds of CPU both sides took: what the kernel does for a packet on its way counts for the side that
 * it interrupts. What comes before, while caches fill and windows open, is not counted. Each side has a CPU
 * of its own where there are two, so that the scheduler's choice is not measured.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP_MS = 30, STREAM_CHUNK = 131072, DATAGRAM_LENGTH = 18, DATAGRAMS = 32, RECEIVE_BUFFER = 8 << 20 };

/* What does not arrive within this time never will. */
static const unsigned long long PATIENCE_NS = 5000000000ULL;

static atomic_ullong *arrived;

static void need(int ok, const char *what)
{
	if (ok) return;
	fprintf(stderr, "traffic: Cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned long long now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000000ULL + (unsigned long long)now.tv_nsec;
}

/* Of both sides, since they began. */
static unsigned long long cpu_ns(pid_t server)
{
	clockid_t of_server;
	need(clock_getcpuclockid(server, &of_server) == 0, "find the server's CPU clock");
	clockid_t clocks[] = {CLOCK_PROCESS_CPUTIME_ID, of_server};
	unsigned long long sum = 0;
	for (int i = 0; i < 2; i++) {
		struct timespec used;
		need(clock_gettime(clocks[i], &used) == 0, "read a CPU clock");
		sum += (unsigned long long)used.tv_sec * 1000000000ULL + (unsigned long long)used.tv_nsec;
	}
	return sum;
}

static void enter(const char *path, size_t cpu)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	need(fd >= 0 && setns(fd, CLONE_NEWNET) == 0, path);
	close(fd);
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	/* A machine with one CPU has no second one to be on. */
	if (sched_setaffinity(0, sizeof one, &one) != 0 && errno != EINVAL) need(0, "choose a CPU");
}

static void set_option(int fd, int level, int name, int value)
{
	need(setsockopt(fd, level, name, &value, sizeof value) == 0, "set a socket option");
}

static int open_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	need(fd >= 0, "open a socket");
	if (type == SOCK_STREAM) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return fd;
}

/* Sends back each byte that comes, until the other side closes. */
static void echo(int fd)
{
	char byte;
	while (recv(fd, &byte, 1, 0) == 1)
		if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1) break;
}

static void count_bytes(int fd)
{
	static char chunk[STREAM_CHUNK];
	for (ssize_t got; (got = recv(fd, chunk, sizeof chunk, 0)) > 0;) atomic_fetch_add(arrived, (unsigned long long)got);
}

static void answer_first(int fd)
{
	char byte;
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	need(recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &length) == 1, "receive the first datagram");
	need(sendto(fd, &byte, 1, 0, (struct sockaddr *)&from, length) == 1, "answer the first datagram");
	atomic_fetch_add(arrived, 1);
}

static void count_datagrams(int fd)
{
	static char bytes[DATAGRAMS][DATAGRAM_LENGTH];
	struct iovec parts[DATAGRAMS];
	struct mmsghdr messages[DATAGRAMS] = {0};
	for (int i = 0; i < DATAGRAMS; i++) {
		parts[i] = (struct iovec){bytes[i], DATAGRAM_LENGTH};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	for (;;) {
		int got = recvmmsg(fd, messages, DATAGRAMS, MSG_WAITFORONE, NULL);
		need(got > 0, "receive datagrams");
		atomic_fetch_add(arrived, (unsigned long long)got);
	}
}

static void serve(const char *kind, const struct sockaddr_in *at, int ready)
{
	int is_datagram = kind[0] == 'u';
	int fd = open_socket(is_datagram ? SOCK_DGRAM : SOCK_STREAM);
	struct sockaddr_in any = *at;
	any.sin_addr.s_addr = htonl(INADDR_ANY);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* More than the machine's limit, which only its root may have. */
	int size = RECEIVE_BUFFER;
	if (is_datagram && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) set_option(fd, SOL_SOCKET, SO_RCVBUF, size);
	need(bind(fd, (struct sockaddr *)&any, sizeof any) == 0, "bind");
	if (!is_datagram) need(listen(fd, 16) == 0, "listen");
	need(write(ready, "!", 1) == 1, "say that the server is ready");
	if (strcmp(kind, "udp-answered") == 0) answer_first(fd);
	if (is_datagram) count_datagrams(fd);
	for (;;) {
		int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		need(connection >= 0, "accept");
		set_option(connection, IPPROTO_TCP, TCP_NODELAY, 1);
		if (strcmp(kind, "stream") == 0)
			count_bytes(connection);
		else
			echo(connection);
		close(connection);
	}
}

static int connect_to(const struct sockaddr_in *to, int type)
{
	int fd = open_socket(type);
	need(connect(fd, (const struct sockaddr *)to, sizeof *to) == 0, "connect");
	return fd;
}

static void round_trip(int fd)
{
	char byte = '?';
	need(send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1, "make a round trip");
	atomic_fetch_add(arrived, 1);
}

static void connected_round_trip(const struct sockaddr_in *to)
{
	int fd = connect_to(to, SOCK_STREAM);
	round_trip(fd);
	/* Reset it: the port must be free again at once. */
	struct linger now = {.l_onoff = 1};
	need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0, "set SO_LINGER");
	close(fd);
}

static void send_chunk(int fd)
{
	static char chunk[STREAM_CHUNK];
	need(send(fd, chunk, sizeof chunk, MSG_NOSIGNAL) > 0, "send");
}

static void send_datagrams(int fd)
{
	static char bytes[DATAGRAM_LENGTH];
	struct iovec part = {bytes, sizeof bytes};
	struct mmsghdr messages[DATAGRAMS] = {0};
	for (int i = 0; i < DATAGRAMS; i++) messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
	need(sendmmsg(fd, messages, DATAGRAMS, 0) > 0, "send datagrams");
}

struct traffic {
	const char *kind;
	struct sockaddr_in to;
	int fd;
};

static void send_once(const struct traffic *traffic)
{
	switch (traffic->kind[0]) {
	case 's': send_chunk(traffic->fd); break;
	case 'r': round_trip(traffic->fd); break;
	case 'c': connected_round_trip(&traffic->to); break;
	default: send_datagrams(traffic->fd);
	}
}

/*
 * Sends until the time has come and something more has arrived: on a machine that is busy the server may not
 * have had its turn yet.
 */
static unsigned long long run_until(const struct traffic *traffic, unsigned long long end_ns)
{
	unsigned long long now, before = atomic_load(arrived);
	do {
		send_once(traffic);
		now = now_ns();
		if (now > end_ns + PATIENCE_NS) need(0, "get anything through");
	} while (now < end_ns || atomic_load(arrived) == before);
	return now;
}

int main(int argc, char **argv)
{
	struct traffic traffic = {.to = {.sin_family = AF_INET}};
	if (argc != 7 || inet_pton(AF_INET, argv[4], &traffic.to.sin_addr) != 1) {
		fprintf(stderr, "usage: traffic stream|rr|crr|udp|udp-answered SERVER CLIENT ADDRESS PORT MILLISECONDS\n");
		return 2;
	}
	traffic.kind = argv[1];
	traffic.to.sin_port = htons((unsigned short)atoi(argv[5]));
	arrived = mmap(NULL, sizeof *arrived, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(arrived != MAP_FAILED, "share memory");
	int ready[2];
	need(pipe(ready) == 0, "make a pipe");
	pid_t server = fork();
	need(server >= 0, "fork");
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter(argv[2], 1);
		serve(traffic.kind, &traffic.to, ready[1]);
	}
	close(ready[1]);
	char byte;
	need(read(ready[0], &byte, 1) == 1, "start the server");
	enter(argv[3], 0);
	traffic.fd = strcmp(traffic.kind, "crr") == 0 ? -1 : connect_to(&traffic.to, traffic.kind[0] == 'u' ? SOCK_DGRAM : SOCK_STREAM);
	unsigned long long start_ns = run_until(&traffic, now_ns() + WARM_UP_MS * 1000000ULL), before = atomic_load(arrived);
	unsigned long long cpu_before_ns = cpu_ns(server);
	unsigned long long end_ns = run_until(&traffic, start_ns + strtoull(argv[6], NULL, 10) * 1000000ULL);
	printf("%llu %llu %llu\n", atomic_load(arrived) - before, end_ns - start_ns, cpu_ns(server) - cpu_before_ns);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	return 0;
}
