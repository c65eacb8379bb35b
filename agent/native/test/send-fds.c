/*
 * Test client: sends bytes with descriptors, which Node.js cannot.
 * usage: send-fds SOCKET UID (COUNT HEX)...
 * Sends each HEX with COUNT descriptors of /dev/null attached, then prints the whole reply in hexadecimal.
 * UID: whom to be.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_COUNT = 250 };

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static size_t decode(const char *hex, unsigned char *bytes)
{
	size_t size = strlen(hex) / 2;
	for (size_t i = 0; i < size; i++) sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
	return size;
}

static int send_part(int fd, int count, const char *hex)
{
	static union {
		struct cmsghdr header;
		char space[CMSG_SPACE(MAX_COUNT * sizeof(int))];
	} control;

	unsigned char *bytes = malloc(strlen(hex) + 1);
	if (bytes == NULL || count > MAX_COUNT) return -1;
	struct iovec part = {bytes, decode(hex, bytes)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
		struct cmsghdr *item = CMSG_FIRSTHDR(&message);
		*item = (struct cmsghdr){
			.cmsg_len = CMSG_LEN((size_t)count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		for (int i = 0; i < count; i++) {
			int null = open("/dev/null", O_RDWR);
			memcpy(CMSG_DATA(item) + (size_t)i * sizeof null, &null, sizeof null);
		}
	}
	ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	free(bytes);
	return sent == (ssize_t)part.iov_len ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (argc < 3 || strlen(argv[1]) >= sizeof address.sun_path) return 2;
	strcpy(address.sun_path, argv[1]);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || (atoi(argv[2]) != 0 && setuid((uid_t)atoi(argv[2])) != 0)) return fail("setuid");
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return fail("connect");
	for (int i = 3; i + 1 < argc; i += 2)
		if (send_part(fd, atoi(argv[i]), argv[i + 1]) != 0) return fail("sendmsg");
	unsigned char bytes[65536];
	ssize_t size;
	while ((size = read(fd, bytes, sizeof bytes)) > 0)
		for (ssize_t i = 0; i < size; i++) printf("%02x", bytes[i]);
	return size == 0 ? 0 : fail("read");
}
