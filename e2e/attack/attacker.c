/*
 * What an attacker does on a machine: raw frames, datagrams, connections, and eyes for what arrives.
 *   attacker send LINK             sends frames by AF_PACKET, which needs CAP_NET_RAW;
 *                                  stdin: "COUNT HEX" a line
 *   attacker offload LINK SIZE     the same, frames of TCP without options that the link is to cut into
 *                                  such of SIZE bytes of data
 *   attacker udp                   sends datagrams by UDP sockets, which needs no capability;
 *                                  stdin: "ADDRESS PORT COUNT HEX" a line
 *   attacker segments SIZE         the same, each as one datagram that is to be cut into such of SIZE bytes
 *   attacker capture MARKER        prints "LINK HEX" for each frame with the marker that comes into the
 *                                  namespace, before any filter
 *   attacker receive PORT          prints "SOURCE HEX" for each datagram to the port
 *   attacker hold ADDRESS PORT N   opens N connections that say nothing
 * The last three print "listening" when they have begun, and end by a signal.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_FRAME = 65536, LINE_SIZE = 2 * MAX_FRAME + 256, RECEIVE_BUFFER = 8 << 20 };

static unsigned char frame[MAX_FRAME];
static char line[LINE_SIZE];

static int fail(const char *what)
{
	fprintf(stderr, "Cannot %s: %s\n", what, strerror(errno));
	return 1;
}

/* Bytes of a hexadecimal text into `frame`; -1 when it is none. */
static long parse_hex(const char *text)
{
	long length = 0;
	unsigned byte;

	for (; sscanf(text, "%2x", &byte) == 1; text += 2) {
		if (length == MAX_FRAME) return -1;
		frame[length++] = (unsigned char)byte;
	}
	return length > 0 ? length : -1;
}

static void print_hex(const unsigned char *bytes, long length)
{
	for (long index = 0; index < length; index++) printf("%02x", bytes[index]);
	putchar('\n');
	fflush(stdout);
}

/* On one CPU, so that packets do not overtake each other in its queues. */
static int stay_on_one_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	return sched_setaffinity(0, sizeof cpus, &cpus);
}

/* TCP to be cut by whoever gets it: the checksum is that of the pseudo header, and a card adds the rest. */
static struct virtio_net_hdr segmentation_of(int size)
{
	const int is_v6 = frame[ETH_HLEN] >> 4 == 6;
	const uint16_t start = (uint16_t)(ETH_HLEN + (is_v6 ? 40 : 20));

	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = is_v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)(start + 20),
		.gso_size = (uint16_t)size,
		.csum_start = start,
		.csum_offset = 16,
	};
}

static int send_frames(const char *link, int size)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(link), .sll_halen = ETH_ALEN};
	int packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), at;
	const int on = 1;
	long count, length;

	if (packet < 0) return fail("open a packet socket");
	if (to.sll_ifindex == 0) return fail("find the link");
	if (size > 0 && setsockopt(packet, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0) return fail("ask for segmentation");
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (sscanf(line, "%ld %n", &count, &at) != 1 || (length = parse_hex(line + at)) < 0) return fail("read a line");
		struct virtio_net_hdr header = segmentation_of(size);
		struct iovec parts[] = {{&header, sizeof header}, {frame, (size_t)length}};
		struct msghdr message = {
			.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = size > 0 ? parts : parts + 1, .msg_iovlen = size > 0 ? 2 : 1};
		while (count-- > 0) {
			if (sendmsg(packet, &message, 0) < 0 && errno != ENOBUFS) return fail("send a frame");
		}
	}
	return 0;
}

/* An IPv4 address as IPv6 has it too, so that one socket serves both. */
static int parse_address(const char *text, struct sockaddr_in6 *address)
{
	char mapped[INET6_ADDRSTRLEN + 8];

	snprintf(mapped, sizeof mapped, "%s%s", strchr(text, ':') == NULL ? "::ffff:" : "", text);
	address->sin6_family = AF_INET6;
	return inet_pton(AF_INET6, mapped, &address->sin6_addr) == 1 ? 0 : -1;
}

static int open_socket(int type)
{
	const int off = 0;
	int opened = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	if (opened >= 0 && setsockopt(opened, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) return -1;
	return opened;
}

/* That the network refuses is what the tests are about: only a socket that cannot be is an error. */
static int send_datagrams(int segment)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 to = {0};
	unsigned short port;
	long count, length;
	int udp = open_socket(SOCK_DGRAM), at;

	if (udp < 0) return fail("open a UDP socket");
	if (segment > 0 && setsockopt(udp, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0) return fail("ask for segments");
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (sscanf(line, "%45s %hu %ld %n", text, &port, &count, &at) != 3 || parse_address(text, &to) != 0 ||
			(length = parse_hex(line + at)) < 0)
			return fail("read a line");
		to.sin6_port = htons(port);
		while (count-- > 0) sendto(udp, frame, (size_t)length, 0, (struct sockaddr *)&to, sizeof to);
	}
	return 0;
}

static int capture(const char *marker)
{
	const int size = RECEIVE_BUFFER;
	int packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	if (packet < 0) return fail("open a packet socket");
	if (setsockopt(packet, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) return fail("get a large buffer");
	puts("listening");
	fflush(stdout);
	for (;;) {
		struct sockaddr_ll from = {0};
		socklen_t from_size = sizeof from;
		ssize_t length = recvfrom(packet, frame, sizeof frame, 0, (struct sockaddr *)&from, &from_size);
		char link[IF_NAMESIZE] = "?";

		if (length < 0) return fail("receive");
		if (from.sll_pkttype == PACKET_OUTGOING || memmem(frame, (size_t)length, marker, strlen(marker)) == NULL) continue;
		if_indextoname((unsigned)from.sll_ifindex, link);
		printf("%s ", link);
		print_hex(frame, length);
	}
}

static int receive(const char *port)
{
	struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
	int udp = open_socket(SOCK_DGRAM);

	if (udp < 0 || bind(udp, (struct sockaddr *)&own, sizeof own) != 0) return fail("listen");
	puts("listening");
	fflush(stdout);
	for (;;) {
		struct sockaddr_in6 from;
		socklen_t size = sizeof from;
		char text[INET6_ADDRSTRLEN] = "";
		ssize_t length = recvfrom(udp, frame, sizeof frame, 0, (struct sockaddr *)&from, &size);

		if (length < 0) return fail("receive");
		if (inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof text) == NULL) return fail("print an address");
		printf("%s ", text);
		print_hex(frame, length);
	}
}

static int hold(const char *address, const char *port, long count)
{
	struct sockaddr_in6 to = {.sin6_port = htons((uint16_t)atoi(port))};
	long held = 0;

	if (parse_address(address, &to) != 0) return fail("read the address");
	for (; held < count; held++) {
		int tcp = open_socket(SOCK_STREAM | SOCK_NONBLOCK);
		if (tcp < 0 || (connect(tcp, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) break;
	}
	printf("listening, with %ld connections\n", held);
	fflush(stdout);
	return pause();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (stay_on_one_cpu() != 0) return fail("stay on one CPU");
	if (argc == 3 && strcmp(mode, "send") == 0) return send_frames(argv[2], 0);
	if (argc == 4 && strcmp(mode, "offload") == 0) return send_frames(argv[2], atoi(argv[3]));
	if (argc == 2 && strcmp(mode, "udp") == 0) return send_datagrams(0);
	if (argc == 3 && strcmp(mode, "segments") == 0) return send_datagrams(atoi(argv[2]));
	if (argc == 3 && strcmp(mode, "capture") == 0) return capture(argv[2]);
	if (argc == 3 && strcmp(mode, "receive") == 0) return receive(argv[2]);
	if (argc == 5 && strcmp(mode, "hold") == 0) return hold(argv[2], argv[3], atol(argv[4]));
	fprintf(stderr,
		"usage: attacker send LINK | offload LINK SIZE | udp | segments SIZE | capture MARKER | receive PORT | hold ADDRESS PORT "
		"N\n");
	return 2;
}
