/* System calls on sockets and other descriptors. */
#include "socket.h"
#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FDS = 2 };

static napi_value js_socket(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	arguments(env, info, 3, values);
	int type = to_int(env, values[1]) | SOCK_CLOEXEC;
	return result(env, socket(to_int(env, values[0]), type, to_int(env, values[2])));
}

/*
 * bind() or connect() with a socket address as the kernel lays it out, no longer than a struct
 * sockaddr_storage.
 */
static napi_value call_with_address(napi_env env, napi_callback_info info, int (*call)(int, const struct sockaddr *, socklen_t))
{
	napi_value values[2];
	size_t size;
	struct sockaddr_storage address = {0};
	arguments(env, info, 2, values);
	const void *bytes = to_bytes(env, values[1], &size);
	memcpy(&address, bytes, size);
	return result(env, call(to_int(env, values[0]), (struct sockaddr *)&address, (socklen_t)size));
}

static napi_value js_bind(napi_env env, napi_callback_info info)
{
	return call_with_address(env, info, bind);
}

static napi_value js_connect(napi_env env, napi_callback_info info)
{
	return call_with_address(env, info, connect);
}

static napi_value js_set_option(napi_env env, napi_callback_info info)
{
	napi_value values[4];
	arguments(env, info, 4, values);
	int value = to_int(env, values[3]);
	return result(env, setsockopt(to_int(env, values[0]), to_int(env, values[1]), to_int(env, values[2]), &value, sizeof value));
}

static int only_fd(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	arguments(env, info, 1, values);
	return to_int(env, values[0]);
}

/* A function of one descriptor that is one system call. */
#define ON_FD(name, call) \
	static napi_value name(napi_env env, napi_callback_info info) \
	{ \
		int fd = only_fd(env, info); \
		return result(env, call); \
	}

ON_FD(js_accept, accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK))
ON_FD(js_shutdown, shutdown(fd, SHUT_RDWR))
ON_FD(js_close, close(fd))

static napi_value js_listen(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	arguments(env, info, 2, values);
	return result(env, listen(to_int(env, values[0]), to_int(env, values[1])));
}

/* Writes the socket address of this end or of the peer; its size. */
static napi_value call_for_address(napi_env env, napi_callback_info info, int (*call)(int, struct sockaddr *, socklen_t *))
{
	napi_value values[2];
	size_t size;
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof address;
	arguments(env, info, 2, values);
	void *bytes = to_bytes(env, values[1], &size);
	int returned = call(to_int(env, values[0]), (struct sockaddr *)&address, &length);
	memcpy(bytes, &address, size < length ? size : length);
	return result(env, returned != 0 ? -1 : (ssize_t)length);
}

static napi_value js_own_address(napi_env env, napi_callback_info info)
{
	return call_for_address(env, info, getsockname);
}

static napi_value js_peer_address(napi_env env, napi_callback_info info)
{
	return call_for_address(env, info, getpeername);
}

static napi_value js_peer_uid(napi_env env, napi_callback_info info)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	int returned = getsockopt(only_fd(env, info), SOL_SOCKET, SO_PEERCRED, &peer, &size);
	return result(env, returned != 0 ? -1 : (ssize_t)peer.uid);
}

/*
 * Appends the descriptors of a message to the array `fds`, also when there are too many: then they have to be
 * closed.
 */
static void append_fds(napi_env env, struct msghdr *message, napi_value fds)
{
	uint32_t count;
	MUST(napi_get_array_length(env, fds, &count));
	for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item != NULL; item = CMSG_NXTHDR(message, item)) {
		if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= item->cmsg_len; at += sizeof(int)) {
			int fd;
			memcpy(&fd, CMSG_DATA(item) + at, sizeof fd);
			MUST(napi_set_element(env, fds, count++, from_int(env, fd)));
		}
	}
}

/*
 * -EMFILE: there were more descriptors than MAX_FDS, or no room in the process for all. -EMSGSIZE: a datagram
 * was cut off.
 */
static napi_value js_receive(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	arguments(env, info, 3, values);

	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * MAX_FDS)];
	} control;
	struct sockaddr_nl sender = {0};
	struct iovec part;
	part.iov_base = to_bytes(env, values[1], &part.iov_len);
	struct msghdr message = {&sender, sizeof sender, &part, 1, &control, sizeof control, 0};
	ssize_t size = recvmsg(to_int(env, values[0]), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (size < 0) return result(env, -1);
	append_fds(env, &message, values[2]);
	if ((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0)
		return from_int(env, (message.msg_flags & MSG_CTRUNC) != 0 ? -EMFILE : -EMSGSIZE);
	/* Another process may send to a netlink socket too; only the kernel is listened to. */
	bool from_process = message.msg_namelen == sizeof sender && sender.nl_family == AF_NETLINK && sender.nl_pid != 0;
	return from_int(env, from_process ? -EINTR : size);
}

static napi_value js_send(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	size_t size;
	arguments(env, info, 2, values);
	const void *bytes = to_bytes(env, values[1], &size);
	return result(env, send(to_int(env, values[0]), bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/*
 * write() that does not wait, on any kind of descriptor: what can be written to takes PIPE_BUF bytes, unless
 * another process is quicker.
 */
static napi_value js_write(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	size_t size;
	arguments(env, info, 2, values);
	const void *bytes = to_bytes(env, values[1], &size);
	struct pollfd poll_fd = {to_int(env, values[0]), POLLOUT, 0};
	if (poll(&poll_fd, 1, 0) != 1) return from_int(env, -EAGAIN);
	return result(env, write(poll_fd.fd, bytes, size < PIPE_BUF ? size : PIPE_BUF));
}

void export_socket_functions(struct addon *addon, napi_value exports)
{
	static const struct function functions[] = {{"socket", js_socket}, {"bind", js_bind}, {"connect", js_connect},
		{"setOption", js_set_option}, {"listen", js_listen}, {"accept", js_accept}, {"peerUid", js_peer_uid},
		{"ownAddress", js_own_address}, {"peerAddress", js_peer_address}, {"receive", js_receive}, {"send", js_send},
		{"write", js_write}, {"shutdown", js_shutdown}, {"close", js_close}};
	export_functions(addon, exports, functions, sizeof functions / sizeof *functions);
}
