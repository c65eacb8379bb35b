/*
 * kernel.node: the system calls that Node.js lacks. agent/native/addon.ts describes the functions and checks their arguments.
 * C knows system calls, TypeScript knows protocols: here only struct nlmsghdr and struct nlmsgerr are known.
 *
 * Functions give -errno instead of throwing, as the kernel does. Descriptors belong to JavaScript. Everything but run_steps() happens in
 * the event loop's thread. JavaScript names a poll by a number, so that a number kept too long finds nothing.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <node_api.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define MUST(call) must((call), #call)

enum {
	MAX_FDS = 2,
	ANSWER_TIMEOUT_MS = 10000,
	CHUNK = 32768, /* the most that the kernel puts into one part of a dump */
};

struct addon {
	napi_env env;
	uv_loop_t *loop;
	napi_async_cleanup_hook_handle cleanup;
	struct poll *polls;
	uint32_t last_id;
	size_t open_handles;
	bool closing;
};

struct poll {
	struct addon *addon;
	struct poll *next, **link;
	uv_handle_t *handle; /* sized by the running libuv, which may be newer than its header */
	napi_ref callback;
	uint32_t id;
	int events;
};

/* One batch of netlink messages and what the kernel answered. */
struct step {
	int fd;
	unsigned char *batch, *answer;
	size_t size, answer_size, capacity;
};

struct request {
	napi_async_work work;
	napi_deferred deferred;
	const char *syscall;
	int error;
	size_t count, answered;
	struct step steps[];
};

static void must(napi_status status, const char *call)
{
	if (status != napi_ok)
		napi_fatal_error("kernel.node", NAPI_AUTO_LENGTH, call, NAPI_AUTO_LENGTH);
}

static void *allocated(void *memory)
{
	if (memory == NULL)
		napi_fatal_error("kernel.node", NAPI_AUTO_LENGTH, "out of memory", NAPI_AUTO_LENGTH);
	return memory;
}

static struct addon *arguments(napi_env env, napi_callback_info info, size_t expected, napi_value *values)
{
	void *addon;
	size_t count = expected;
	MUST(napi_get_cb_info(env, info, &count, values, NULL, &addon));
	assert(count == expected);
	return addon;
}

static int to_int(napi_env env, napi_value value)
{
	int number;
	MUST(napi_get_value_int32(env, value, &number));
	return number;
}

static napi_value from_int(napi_env env, int64_t number)
{
	napi_value value;
	MUST(napi_create_int64(env, number, &value));
	return value;
}

static void *to_bytes(napi_env env, napi_value value, size_t *size)
{
	void *bytes;
	MUST(napi_get_buffer_info(env, value, &bytes, size));
	return bytes;
}

/* The result of a system call as JavaScript gets it. */
static napi_value result(napi_env env, ssize_t returned)
{
	return from_int(env, returned < 0 ? -errno : returned);
}

static void finish_closing(struct addon *addon)
{
	if (!addon->closing || addon->open_handles > 0)
		return;
	napi_remove_async_cleanup_hook(addon->cleanup);
	free(addon);
}

static void on_closed(uv_handle_t *handle)
{
	struct addon *addon = uv_handle_get_data(handle);
	free(handle);
	addon->open_handles--;
	finish_closing(addon);
}

static void remove_poll(struct poll *poll)
{
	*poll->link = poll->next;
	if (poll->next != NULL)
		poll->next->link = poll->link;
	uv_handle_set_data(poll->handle, poll->addon);
	uv_close(poll->handle, on_closed);
	napi_delete_reference(poll->addon->env, poll->callback);
	free(poll);
}

/* The callback may remove the poll. While the environment ends it cannot be called: that is no error. */
static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct poll *poll = uv_handle_get_data((uv_handle_t *)handle);
	napi_env env = poll->addon->env;
	napi_handle_scope scope;
	napi_value callback, error;
	(void)events;
	if (napi_open_handle_scope(env, &scope) != napi_ok)
		return;
	if (status < 0) /* libuv stops polling a socket that has an error; JavaScript's next system call on it takes the error away */
		uv_poll_start(handle, poll->events, on_poll);
	if (napi_get_reference_value(env, poll->callback, &callback) == napi_ok &&
	    napi_make_callback(env, NULL, callback, callback, 0, NULL, NULL) == napi_pending_exception &&
	    napi_get_and_clear_last_exception(env, &error) == napi_ok)
		napi_fatal_exception(env, error);
	napi_close_handle_scope(env, scope);
}

static napi_value js_poll(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	struct addon *addon = arguments(env, info, 3, values);
	uv_handle_t *handle = allocated(malloc(uv_handle_size(UV_POLL)));
	int error = uv_poll_init(addon->loop, (uv_poll_t *)handle, to_int(env, values[0]));
	if (error != 0) {
		free(handle);
		return from_int(env, error);
	}
	struct poll *poll = allocated(malloc(sizeof *poll));
	*poll = (struct poll){addon, addon->polls, &addon->polls, handle, NULL, ++addon->last_id, to_int(env, values[1])};
	if (poll->next != NULL)
		poll->next->link = &poll->next;
	addon->polls = poll;
	addon->open_handles++;
	MUST(napi_create_reference(env, values[2], 1, &poll->callback));
	uv_handle_set_data(handle, poll);
	uv_poll_start((uv_poll_t *)handle, poll->events, on_poll);
	return from_int(env, poll->id);
}

static napi_value js_unpoll(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	struct addon *addon = arguments(env, info, 1, values);
	uint32_t id = (uint32_t)to_int(env, values[0]);
	struct poll *poll = addon->polls;
	while (poll != NULL && poll->id != id)
		poll = poll->next;
	if (poll != NULL)
		remove_poll(poll);
	return NULL;
}

/* A worker thread's environment may end before the process does. Descriptors stay open until then. */
static void on_cleanup(napi_async_cleanup_hook_handle handle, void *data)
{
	struct addon *addon = data;
	addon->cleanup = handle;
	addon->closing = true;
	while (addon->polls != NULL)
		remove_poll(addon->polls);
	finish_closing(addon);
}

static napi_value js_socket(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	arguments(env, info, 3, values);
	int type = to_int(env, values[1]) | SOCK_CLOEXEC;
	return result(env, socket(to_int(env, values[0]), type, to_int(env, values[2])));
}

/* bind() or connect() with a socket address as the kernel lays it out, no longer than a struct sockaddr_storage. */
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
	{ int fd = only_fd(env, info); return result(env, call); }

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

/* Appends the descriptors of a message to the array `fds`, also when there are too many: then they have to be closed. */
static void append_fds(napi_env env, struct msghdr *message, napi_value fds)
{
	uint32_t count;
	MUST(napi_get_array_length(env, fds, &count));
	for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item != NULL; item = CMSG_NXTHDR(message, item)) {
		if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= item->cmsg_len; at += sizeof(int)) {
			int fd;
			memcpy(&fd, CMSG_DATA(item) + at, sizeof fd);
			MUST(napi_set_element(env, fds, count++, from_int(env, fd)));
		}
	}
}

/* -EMFILE: there were more descriptors than MAX_FDS, or no room in the process for all. -EMSGSIZE: a datagram was cut off. */
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
	if (size < 0)
		return result(env, -1);
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

/* write() that does not wait, on any kind of descriptor: what can be written to takes PIPE_BUF bytes, unless another process is quicker. */
static napi_value js_write(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	size_t size;
	arguments(env, info, 2, values);
	const void *bytes = to_bytes(env, values[1], &size);
	struct pollfd poll_fd = {to_int(env, values[0]), POLLOUT, 0};
	if (poll(&poll_fd, 1, 0) != 1)
		return from_int(env, -EAGAIN);
	return result(env, write(poll_fd.fd, bytes, size < PIPE_BUF ? size : PIPE_BUF));
}

/* Waits for the next datagram and makes room for it. Its size, or -1 and errno. */
static ssize_t await_datagram(struct step *step)
{
	ssize_t size;
	while ((size = recv(step->fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT)) < 0) {
		struct pollfd poll_fd = {step->fd, POLLIN, 0};
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -1;
		errno = ETIMEDOUT;
		if (poll(&poll_fd, 1, ANSWER_TIMEOUT_MS) <= 0 && errno != EINTR)
			return -1;
	}
	size_t need = step->answer_size + (size > CHUNK ? (size_t)size : CHUNK) + NLMSG_ALIGNTO;
	if (need > step->capacity)
		step->answer = allocated(realloc(step->answer, step->capacity = need * 2));
	return size;
}

/* Keeps the messages that answer the batch, but for acknowledgements that say no more than that. 0: more is to come, 1: all is answered, 2: with an error, -1: these are no messages. */
static int keep_answers(struct step *step, size_t size, uint32_t port, uint32_t first, uint32_t last, bool *failed)
{
	const unsigned char *from = step->answer + step->answer_size;
	bool complete = false;
	while (size > 0) {
		struct nlmsghdr header = {0};
		memcpy(&header, from, size < sizeof header ? size : sizeof header);
		size_t length = header.nlmsg_len, advance = NLMSG_ALIGN(length) < size ? NLMSG_ALIGN(length) : size;
		if (size < sizeof header || length < sizeof header || length > size)
			return -1;
		if (header.nlmsg_pid == port && header.nlmsg_seq - first <= last - first) {
			int error = 0;
			bool is_ack = header.nlmsg_type == NLMSG_ERROR;
			if (is_ack && length >= NLMSG_LENGTH(sizeof error))
				memcpy(&error, from + NLMSG_HDRLEN, sizeof error);
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
	return !complete ? 0 : *failed ? 2 : 1;
}

/* Sends one batch, whose lengths native.ts has checked, and collects its answers. 1: go on, 2: an error is among them, -1 and errno. */
static int run_step(struct step *step, const char **syscall)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	socklen_t address_size = sizeof address;
	struct nlmsghdr header;
	memcpy(&header, step->batch, sizeof header);
	uint32_t first = header.nlmsg_seq;
	for (size_t at = 0; at < step->size; at += header.nlmsg_len)
		memcpy(&header, step->batch + at, sizeof header);
	uint32_t last = header.nlmsg_seq;
	*syscall = "sendto";
	while (sendto(step->fd, step->batch, step->size, 0, (struct sockaddr *)&address, address_size) < 0)
		if (errno != EINTR)
			return -1;
	*syscall = "getsockname"; /* only now the port is sure: the kernel may have chosen it while sending */
	if (getsockname(step->fd, (struct sockaddr *)&address, &address_size) != 0)
		return -1;
	*syscall = "recvfrom";
	bool failed = false;
	for (;;) {
		struct sockaddr_nl sender = {0};
		socklen_t sender_size = sizeof sender;
		if (await_datagram(step) < 0)
			return -1;
		ssize_t size = recvfrom(step->fd, step->answer + step->answer_size, step->capacity - step->answer_size - NLMSG_ALIGNTO,
					MSG_DONTWAIT, (struct sockaddr *)&sender, &sender_size);
		if (size < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		bool ours = size >= 0 && sender.nl_pid == 0;
		int kept = ours ? keep_answers(step, (size_t)size, address.nl_pid, first, last, &failed) : 0;
		errno = EBADMSG;
		if (kept != 0)
			return kept;
	}
}

/*
 * Sequences take turns here, asleep: who waits for the kernel's rtnl mutex spins, and takes the CPU from the event loop. A single step may
 * be a deletion, which waits without that mutex.
 */
static void run_steps(napi_env env, void *data)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	struct request *request = data;
	(void)env;
	if (request->count > 1)
		pthread_mutex_lock(&turn);
	for (int outcome = 1; outcome == 1 && request->answered < request->count; request->answered += outcome > 0) {
		outcome = run_step(&request->steps[request->answered], &request->syscall);
		request->error = outcome < 0 ? errno : 0;
	}
	if (request->count > 1)
		pthread_mutex_unlock(&turn);
}

/* While the environment ends nothing can be made any more, and nobody waits: any failure ends this. */
static void settle(napi_env env, napi_status status, struct request *request)
{
	napi_value answers, error, code, syscall;
	if (status != napi_ok || napi_create_array_with_length(env, request->answered, &answers) != napi_ok)
		return;
	for (uint32_t i = 0; i < request->answered; i++) {
		napi_value bytes;
		const struct step *step = &request->steps[i];
		if (step->answer_size > 0 && (napi_create_buffer_copy(env, step->answer_size, step->answer, NULL, &bytes) != napi_ok ||
					      napi_set_element(env, answers, i, bytes) != napi_ok))
			return;
	}
	if (request->error == 0) {
		napi_resolve_deferred(env, request->deferred, answers);
	} else if (napi_create_string_utf8(env, uv_err_name(-request->error), NAPI_AUTO_LENGTH, &code) == napi_ok &&
		   napi_create_string_utf8(env, request->syscall, NAPI_AUTO_LENGTH, &syscall) == napi_ok &&
		   napi_create_error(env, code, syscall, &error) == napi_ok) {
		napi_reject_deferred(env, request->deferred, error);
	}
}

static void on_answered(napi_env env, napi_status status, void *data)
{
	struct request *request = data;
	settle(env, status, request);
	napi_delete_async_work(env, request->work);
	for (size_t i = 0; i < request->count; i++) {
		free(request->steps[i].batch);
		free(request->steps[i].answer);
	}
	free(request);
}

static napi_value js_request(napi_env env, napi_callback_info info)
{
	napi_value values[1], name, promise;
	uint32_t count;
	arguments(env, info, 1, values);
	MUST(napi_get_array_length(env, values[0], &count));
	struct request *request = allocated(calloc(1, sizeof *request + count * sizeof *request->steps));
	request->count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct step *step = &request->steps[i];
		napi_value item, fd, batch;
		MUST(napi_get_element(env, values[0], i, &item));
		MUST(napi_get_named_property(env, item, "fd", &fd));
		MUST(napi_get_named_property(env, item, "bytes", &batch));
		const void *bytes = to_bytes(env, batch, &step->size);
		step->fd = to_int(env, fd);
		step->batch = allocated(malloc(step->size));
		memcpy(step->batch, bytes, step->size);
	}
	MUST(napi_create_promise(env, &request->deferred, &promise));
	MUST(napi_create_string_utf8(env, "netlink", NAPI_AUTO_LENGTH, &name));
	MUST(napi_create_async_work(env, NULL, name, run_steps, on_answered, request, &request->work));
	MUST(napi_queue_async_work(env, request->work));
	return promise;
}

NAPI_MODULE_INIT()
{
	struct addon *addon = allocated(calloc(1, sizeof *addon));
	addon->env = env;
#define FUNCTION(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, addon}
	const napi_property_descriptor functions[] = {
		FUNCTION("poll", js_poll), FUNCTION("unpoll", js_unpoll), FUNCTION("socket", js_socket), FUNCTION("bind", js_bind),
		FUNCTION("connect", js_connect), FUNCTION("setOption", js_set_option), FUNCTION("listen", js_listen),
		FUNCTION("accept", js_accept), FUNCTION("peerUid", js_peer_uid), FUNCTION("ownAddress", js_own_address),
		FUNCTION("peerAddress", js_peer_address), FUNCTION("receive", js_receive), FUNCTION("send", js_send),
		FUNCTION("write", js_write), FUNCTION("shutdown", js_shutdown), FUNCTION("close", js_close), FUNCTION("request", js_request),
	};
	MUST(napi_get_uv_event_loop(env, &addon->loop));
	MUST(napi_add_async_cleanup_hook(env, on_cleanup, addon, &addon->cleanup));
	MUST(napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions));
	return exports;
}
