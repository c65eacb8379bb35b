/* Input and output that waits and is whole. */
#include "lib/io.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

int64_t now_ns(void)
{
	struct timespec time;
	if (clock_gettime(CLOCK_MONOTONIC, &time) != 0) return 0; /* cannot fail for this clock */
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t now_ms(void)
{
	return now_ns() / 1000000;
}

enum outcome wait_for(int fd, short events, int64_t deadline_ms)
{
	for (;;) {
		const int64_t left = deadline_ms == NEVER ? -1 : deadline_ms - now_ms();
		if (deadline_ms != NEVER && left <= 0) {
			errno = ETIMEDOUT;
			return FAILED;
		}
		struct pollfd poll_fd = {.fd = fd, .events = events};
		const int ready = poll(&poll_fd, 1, (int)left);
		if (ready > 0) return OK;
		if (ready < 0 && errno != EINTR) return FAILED;
	}
}

enum outcome read_to_end(int fd, unsigned char *buffer, size_t capacity, size_t *length)
{
	*length = 0;
	for (;;) {
		const ssize_t count = read(fd, buffer + *length, capacity - *length);
		if (count == 0) return OK;
		if (count > 0) {
			*length += (size_t)count;
			if (*length < capacity) continue;
			errno = EFBIG;
			return FAILED;
		}
		if (errno == EAGAIN && wait_for(fd, POLLIN, NEVER) == OK) continue;
		if (errno != EINTR) return FAILED;
	}
}

enum outcome write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;
	while (length > 0) {
		const ssize_t count = write(fd, at, length);
		if (count >= 0) {
			at += count;
			length -= (size_t)count;
		} else if (errno != EINTR && (errno != EAGAIN || wait_for(fd, POLLOUT, NEVER) != OK)) {
			return FAILED;
		}
	}
	return OK;
}

enum outcome keep_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/", O_PATH | O_CLOEXEC) != fd) return FAILED;
	return OK;
}
