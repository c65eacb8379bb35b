/* One batch of netlink messages. Only struct nlmsghdr and struct nlmsgerr are known here. */
#include "netlink.h"
#include "napi.h"
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ANSWER_TIMEOUT_MS = 10000,
	CHUNK = 32768, /* the most that the kernel puts into one part of a dump */
};

/* Waits for the next datagram and makes room for it. Its size, or -1 and errno. */
static ssize_t await_datagram(struct step *step)
{
	ssize_t size;
	while ((size = recv(step->fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT)) < 0) {
		struct pollfd poll_fd = {step->fd, POLLIN, 0};
		if (errno == EINTR) continue;
		if (errno != EAGAIN) return -1;
		errno = ETIMEDOUT;
		if (poll(&poll_fd, 1, ANSWER_TIMEOUT_MS) <= 0 && errno != EINTR) return -1;
	}
	size_t need = step->answer_size + (size > CHUNK ? (size_t)size : CHUNK) + NLMSG_ALIGNTO;
	if (need > step->capacity) step->answer = allocated(realloc(step->answer, step->capacity = need * 2));
	return size;
}

/*
 * Keeps the messages that answer the batch, but for acknowledgements that say no more than that. STEP_FAILED:
 * these are no messages.
 */
static enum step_result keep_answers(struct step *step, size_t size, uint32_t port, uint32_t first, uint32_t last, bool *failed)
{
	const unsigned char *from = step->answer + step->answer_size;
	bool complete = false;
	while (size > 0) {
		struct nlmsghdr header = {0};
		memcpy(&header, from, size < sizeof header ? size : sizeof header);
		size_t length = header.nlmsg_len, advance = NLMSG_ALIGN(length) < size ? NLMSG_ALIGN(length) : size;
		if (size < sizeof header || length < sizeof header || length > size) return STEP_FAILED;
		if (header.nlmsg_pid == port && header.nlmsg_seq - first <= last - first) {
			int error = 0;
			bool is_ack = header.nlmsg_type == NLMSG_ERROR;
			if (is_ack && length >= NLMSG_LENGTH(sizeof error)) memcpy(&error, from + NLMSG_HDRLEN, sizeof error);
			*failed |= error != 0;
			complete |= header.nlmsg_seq == last && (is_ack || header.nlmsg_type == NLMSG_DONE);
			memmove(step->answer + step->answer_size, from, length);
			memset(step->answer + step->answer_size + length, 0, NLMSG_ALIGN(length) - length);
			if (!is_ack || error != 0 || length != NLMSG_LENGTH(sizeof(struct nlmsgerr)))
				step->answer_size += NLMSG_ALIGN(length);
		}
		from += advance;
		size -= advance;
	}
	return !complete ? STEP_UNDER_WAY : *failed ? STEP_REFUSED : STEP_DONE;
}

static bool is_wanted(const struct step *step)
{
	uint32_t bits = 0;
	if (step->wanted_bits == 0) return true;
	if (step->answer_size >= step->wanted_at + sizeof bits) memcpy(&bits, step->answer + step->wanted_at, sizeof bits);
	return (bits & step->wanted_bits) != 0;
}

static enum step_result send_plain(const struct step *step)
{
	return send(step->fd, step->batch, step->size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)step->size ? STEP_DONE : STEP_REFUSED;
}

enum step_result run_step(struct step *step, const char **syscall)
{
	if (step->is_plain) return send_plain(step);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	socklen_t address_size = sizeof address;
	struct nlmsghdr header;
	memcpy(&header, step->batch, sizeof header);
	uint32_t first = header.nlmsg_seq;
	for (size_t at = 0; at < step->size; at += header.nlmsg_len) memcpy(&header, step->batch + at, sizeof header);
	uint32_t last = header.nlmsg_seq;
	*syscall = "sendto";
	while (!step->is_resumed && sendto(step->fd, step->batch, step->size, 0, (struct sockaddr *)&address, address_size) < 0)
		if (errno != EINTR) return STEP_FAILED;
	*syscall = "getsockname"; /* only now the port is sure: the kernel may have chosen it while sending */
	if (getsockname(step->fd, (struct sockaddr *)&address, &address_size) != 0) return STEP_FAILED;
	*syscall = "recvfrom";
	bool failed = false;
	for (;;) {
		struct sockaddr_nl sender = {0};
		socklen_t sender_size = sizeof sender;
		if (await_datagram(step) < 0) return STEP_FAILED;
		ssize_t size = recvfrom(step->fd, step->answer + step->answer_size, step->capacity - step->answer_size - NLMSG_ALIGNTO,
			MSG_DONTWAIT, (struct sockaddr *)&sender, &sender_size);
		if (size < 0 && errno != EINTR && errno != EAGAIN) return STEP_FAILED;
		bool ours = size >= 0 && sender.nl_pid == 0;
		enum step_result kept = ours ? keep_answers(step, (size_t)size, address.nl_pid, first, last, &failed) : STEP_UNDER_WAY;
		errno = EBADMSG;
		if (kept == STEP_DONE && !is_wanted(step)) return STEP_REFUSED;
		if (kept != STEP_UNDER_WAY) return kept;
		if (step->at_least > 0 && step->answer_size >= step->at_least) return STEP_DONE;
	}
}
