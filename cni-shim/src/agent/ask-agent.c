/* The conversation with the agent: one request, one reply. */
#include "agent/ask-agent.h"
#include "lib/io.h"
#include "lib/text.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { POLL_INTERVAL_MS = 10 };

unsigned char reply_body[MAX_REPLY];

static int64_t answer_deadline(const struct request *request)
{
	return request->verb->answer_ms == 0 ? NEVER : request->read_ms + request->verb->answer_ms;
}

/* Waiting has failed: for want of time, or for another reason in errno. */
static enum outcome fail_waiting(const struct request *request, const char *what)
{
	if (errno != ETIMEDOUT) return FAIL(CODE_IO, "Cannot ", what, " agent at \"", request->socket, "\": ", describe(errno));
	return FAIL(request->verb->unavailable, "Cannot ", what, " agent at \"", request->socket, "\": it did not answer within ",
		decimal((uint64_t)request->verb->answer_ms), " ms");
}

/*
 * How long to repeat a connect() that failed with `error`, or -1 for not at all. EAGAIN is a full queue: an
 * agent is there but busy, which even the impatient commands sit out for a moment.
 */
static int64_t patience_ms(const struct verb *verb, int error)
{
	if (error == ENOENT || error == ECONNREFUSED) return verb->absent_ms;
	if (error == EAGAIN || error == EINTR) return verb->absent_ms > BUSY_WAIT_MS ? verb->absent_ms : BUSY_WAIT_MS;
	return -1;
}

static enum outcome fail_connecting(const struct request *request, int error, int64_t patience)
{
	if (patience < 0) return FAIL(CODE_IO, "Cannot connect to agent at \"", request->socket, "\": ", describe(error));
	if (patience == 0) return FAIL(request->verb->unavailable, "Cannot reach agent at \"", request->socket, "\": ", describe(error));
	return FAIL(request->verb->unavailable, "Cannot reach agent at \"", request->socket, "\" within ", decimal((uint64_t)patience),
		" ms: ", describe(error));
}

/* Connects a non-blocking socket to the agent, as patiently as the command is. */
static int connect_agent(const struct request *request)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, request->socket, strlen(request->socket) + 1);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1) return FAIL(CODE_IO, "Cannot open unix socket: ", describe(errno));
	for (;;) {
		if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
		const int error = errno;
		const int64_t patience = patience_ms(request->verb, error);
		if (now_ms() - request->read_ms >= patience) {
			close(fd);
			return fail_connecting(request, error, patience);
		}
		const struct timespec interval = {.tv_nsec = POLL_INTERVAL_MS * 1000000L};
		nanosleep(&interval, NULL); /* a signal only makes the next try come sooner */
	}
}

/*
 * Sends the frame; the descriptors travel with its first bytes. When the agent closes early the reply may
 * still be there to be read.
 */
static enum outcome send_request(int fd, const struct request *request)
{
	union {
		struct cmsghdr header;
		unsigned char bytes[CMSG_SPACE(sizeof(struct pod))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)request->begin, .iov_len = request->length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (request->pod != NULL) {
		const int fds[2] = {request->pod->netns, request->pod->rtnetlink};
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof fds);
		memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
		message.msg_control = &control;
		message.msg_controllen = sizeof control.bytes;
	}
	while (part.iov_len > 0) {
		const ssize_t count = sendmsg(fd, &message, MSG_NOSIGNAL);
		if (count >= 0) {
			part.iov_base = (unsigned char *)part.iov_base + count;
			part.iov_len -= (size_t)count;
			message.msg_control = NULL;
			message.msg_controllen = 0;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return OK;
		} else if (errno != EINTR && (errno != EAGAIN || wait_for(fd, POLLOUT, answer_deadline(request)) != OK)) {
			return fail_waiting(request, "send request to");
		}
	}
	return OK;
}

/* Reads exactly `length` bytes of the reply. */
static enum outcome receive(int fd, const struct request *request, unsigned char *bytes, size_t length)
{
	while (length > 0) {
		const ssize_t count = recv(fd, bytes, length, 0);
		if (count > 0) {
			bytes += count;
			length -= (size_t)count;
		} else if (count == 0 || errno == ECONNRESET) {
			return FAIL(request->verb->unavailable, "Cannot read reply of agent at \"", request->socket,
				"\": agent closed the connection before it answered");
		} else if (errno != EINTR && (errno != EAGAIN || wait_for(fd, POLLIN, answer_deadline(request)) != OK)) {
			return fail_waiting(request, "read reply of");
		}
	}
	return OK;
}

enum outcome receive_reply(int fd, const struct request *request, struct reply *reply)
{
	unsigned char header[REPLY_HEADER];
	if (receive(fd, request, header, sizeof header) != OK || decode_reply_header(header, reply) != OK) return FAILED;
	return receive(fd, request, reply_body, reply->length);
}

enum outcome ask_agent(const struct request *request, struct reply *reply)
{
	const int fd = connect_agent(request);
	if (fd == -1) return FAILED;
	const enum outcome outcome = send_request(fd, request) == OK ? receive_reply(fd, request, reply) : FAILED;
	close(fd);
	return outcome;
}
