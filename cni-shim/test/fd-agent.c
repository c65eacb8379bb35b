/*
 * An agent for one request: prints as one line of JSON which descriptors came with the frame, and replies
 * "{}". Node.js cannot receive descriptors, so the tests run this program. usage: fd-agent SOCKET LINK, where
 * LINK is looked for through the second descriptor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_FDS = 8 };

static void die(const char *what)
{
	fprintf(stderr, "fd-agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int accept_one(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path) die(path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener == -1 || bind(listener, (const struct sockaddr *)&address, sizeof address) != 0) die("bind");
	if (listen(listener, 1) != 0) die("listen");
	const int connection = accept(listener, NULL, NULL);
	if (connection == -1) die("accept");
	return connection;
}

/*
 * Receives up to `size` bytes and collects the descriptors that come with them. Returns the number of bytes.
 */
static size_t receive(int connection, unsigned char *bytes, size_t size, int fds[MAX_FDS], size_t *fd_count)
{
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	struct iovec part = {bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	const ssize_t count = recvmsg(connection, &message, 0);
	if (count <= 0) die("recvmsg");
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
		const size_t length = header->cmsg_len - CMSG_LEN(0);
		if (*fd_count + length / sizeof(int) > MAX_FDS) die("too many descriptors");
		memcpy(fds + *fd_count, control.bytes + CMSG_LEN(0), length);
		*fd_count += length / sizeof(int);
	}
	return (size_t)count;
}

/* Reads a whole frame. Returns the number of descriptors that came with all of it. */
static size_t receive_frame(int connection, int fds[MAX_FDS])
{
	unsigned char head[8], rest[4096];
	size_t fd_count = 0;
	if (receive(connection, head, sizeof head, fds, &fd_count) != sizeof head || memcmp(head, "CWAY", 4) != 0) die("frame");
	size_t left = (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
	while (left > 0) left -= receive(connection, rest, left < sizeof rest ? left : sizeof rest, fds, &fd_count);
	return fd_count;
}

static int socket_option(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof value;
	return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

/* Whether a link of that name is in the namespace in which the rtnetlink socket was opened. */
static int has_link(int rtnetlink, const char *name)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		struct rtattr attribute;
		char name[IFNAMSIZ];
	} request = {.header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST}};

	request.attribute.rta_type = IFLA_IFNAME;
	request.attribute.rta_len = (unsigned short)(sizeof request.attribute + strlen(name) + 1);
	memcpy(request.name, name, strlen(name) + 1);
	static unsigned char answer[32768];
	struct nlmsghdr header;
	if (send(rtnetlink, &request, sizeof request, 0) != sizeof request) die("send");
	if (recv(rtnetlink, answer, sizeof answer, 0) < (ssize_t)sizeof header) die("recv");
	memcpy(&header, answer, sizeof header);
	return header.nlmsg_type == RTM_NEWLINK;
}

int main(int argc, char **argv)
{
	if (argc != 3 || strlen(argv[2]) >= IFNAMSIZ) return 2;
	const int connection = accept_one(argv[1]);
	int fds[MAX_FDS];
	const size_t count = receive_frame(connection, fds);
	printf("{\"count\":%zu", count);
	struct stat netns;
	if (count == 2) {
		if (fstat(fds[0], &netns) != 0) die("fstat");
		printf(",\"netnsInode\":%ju,\"domain\":%d,\"protocol\":%d,\"hasLink\":%s", (uintmax_t)netns.st_ino,
			socket_option(fds[1], SO_DOMAIN), socket_option(fds[1], SO_PROTOCOL), has_link(fds[1], argv[2]) ? "true" : "false");
	}
	puts("}");
	static const unsigned char reply[] = {'C', 'W', 'A', 'Y', 0, 0, 0, 6, 0, 1, 0, 0, '{', '}'};
	return fflush(stdout) == 0 && send(connection, reply, sizeof reply, MSG_NOSIGNAL) == sizeof reply ? 0 : 1;
}
