/*
 * The CNI shim: the program that a container runtime runs for each CNI command. It packs the CNI_* variables and stdin into one frame,
 * opens the pod's network namespace and an rtnetlink socket inside it, sends all of it to the agent over a unix socket, and prints what
 * the agent answers (docs/protocol.md). It answers VERSION itself, deletes the host end of a veth itself when no agent answers DEL, and
 * is the plugin "loopback" when it is run under that name.
 *
 * Contents: limits; text; failures; input and output; configuration scanner; frame; network namespace; rtnetlink; conversation with the
 * agent; commands; loopback; main. Functions that can fail return 0 or -1 and have recorded the reason with FAIL(). All memory is static.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ---- Limits -------------------------------------------------------------------------------------------------------------------- */

#ifndef CAUSEWAY_VERSION
#error "CAUSEWAY_VERSION is not defined: build with make"
#endif

/* How long ADD and CHECK wait for an agent that is away, so that its upgrade fails no pod. A test build makes it shorter. */
#ifndef AGENT_WAIT_MS
#define AGENT_WAIT_MS 20000
#endif

#define DEFAULT_SOCKET "/run/causeway/agent.sock"
#define TEXT_OF(number) TEXT_OF_VALUE(number)
#define TEXT_OF_VALUE(number) #number

enum {
	POLL_INTERVAL_MS = 10,
	BUSY_WAIT_MS = 1300,     /* for a place in the queue of an agent that is there */
	DEL_ANSWER_MS = 1300,    /* leaves 200 ms of the promised 1.5 s for the deletion without the agent */
	STATUS_ANSWER_MS = 5000, /* a kubelet asks every 5 s */
	MAX_DEPTH = 10000,       /* nesting of JSON; the runtimes' own parser refuses more */
};

#define MAX_STDIN 1048576
#define MAX_ENVIRONMENT 65536
#define MAX_REPLY 1048576

/* CNI error codes (SPEC.md, section "Error"); 8 is what the reference library uses for the plugin's own namespace. */
enum {
	CODE_VERSION = 1,
	CODE_ENVIRONMENT = 4,
	CODE_IO = 5,
	CODE_JSON = 6,
	CODE_CONFIG = 7,
	CODE_OWN_NETNS = 8,
	CODE_TRY_LATER = 11,
	CODE_NOT_AVAILABLE = 50,
};

/* Versions of the CNI specification that a configuration may ask for, oldest first. */
static const char *const supported_versions[] = {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
enum { VERSION_COUNT = sizeof supported_versions / sizeof supported_versions[0] };

/* The entry of the list above, or NULL. */
static const char *supported_version(const char *version)
{
	for (size_t i = 0; i < VERSION_COUNT; i++)
		if (strcmp(supported_versions[i], version) == 0) return supported_versions[i];
	return NULL;
}

/* ---- Text ---------------------------------------------------------------------------------------------------------------------- */

/* Bytes that are appended to; what does not fit is dropped and remembered. */
struct text {
	char *bytes;
	size_t capacity;
	size_t length;
	bool overflow;
};

static void put(struct text *text, unsigned char byte)
{
	if (text->length < text->capacity)
		text->bytes[text->length++] = (char)byte;
	else
		text->overflow = true;
}

static void append(struct text *text, const char *string)
{
	while (*string != '\0') put(text, (unsigned char)*string++);
}

/* Length of the well-formed UTF-8 sequence at the head of `s` (RFC 3629, section 4), or 0. `s` ends with NUL, which stops every look-ahead. */
static size_t utf8_length(const unsigned char *s)
{
	if (s[0] < 0x80) return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
	const size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80) return 0;
	if (s[0] == 0xe0 && s[1] < 0xa0) return 0; /* overlong */
	if (s[0] == 0xed && s[1] > 0x9f) return 0; /* surrogate */
	if (s[0] == 0xf0 && s[1] < 0x90) return 0; /* overlong */
	if (s[0] == 0xf4 && s[1] > 0x8f) return 0; /* above U+10FFFF */
	return length;
}

/* Appends `string` as a JSON string with its quotes. A byte that is no UTF-8 becomes U+FFFD: a path may hold any byte, JSON may not. */
static void append_json(struct text *text, const char *string)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)string;
	put(text, '"');
	while (*s != '\0') {
		const size_t length = utf8_length(s);
		if (length == 0) {
			append(text, "\\ufffd");
			s++;
		} else if (*s < 0x20) {
			append(text, "\\u00");
			put(text, (unsigned char)hex[*s >> 4]);
			put(text, (unsigned char)hex[*s & 15]);
			s++;
		} else {
			if (*s == '"' || *s == '\\') put(text, '\\');
			for (size_t i = 0; i < length; i++) put(text, *s++);
		}
	}
	put(text, '"');
}

/* Decimal form, valid until the next call. */
static const char *decimal(uint64_t number)
{
	static char digits[21];
	char *at = digits + sizeof digits - 1;
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return at;
}

static const char *errno_name(int error)
{
#define NAME(constant) case constant: return #constant
	switch (error) {
		NAME(EACCES); NAME(EAFNOSUPPORT); NAME(EAGAIN); NAME(EBADF); NAME(EBUSY); NAME(ECONNREFUSED); NAME(ECONNRESET);
		NAME(EINVAL); NAME(EIO); NAME(EISDIR); NAME(ELOOP); NAME(EMFILE); NAME(EMSGSIZE); NAME(ENAMETOOLONG); NAME(ENFILE);
		NAME(ENOBUFS); NAME(ENODEV); NAME(ENOENT); NAME(ENOMEM); NAME(ENOSPC); NAME(ENOSYS); NAME(ENOTDIR); NAME(ENXIO);
		NAME(EOPNOTSUPP); NAME(EPERM); NAME(EPIPE); NAME(EPROTO); NAME(EPROTONOSUPPORT); NAME(EPROTOTYPE);
	default: return NULL;
	}
#undef NAME
}

/* `ENOENT (No such file or directory)`, valid until the next call. */
static const char *describe(int error)
{
	static char bytes[128];
	struct text text = {.bytes = bytes, .capacity = sizeof bytes - 1};
	const char *name = errno_name(error);
	append(&text, name != NULL ? name : "errno ");
	if (name == NULL) append(&text, decimal((uint64_t)error));
	append(&text, " (");
	append(&text, strerror(error));
	append(&text, ")");
	bytes[text.length] = '\0';
	return bytes;
}

/* ---- Failures ------------------------------------------------------------------------------------------------------------------ */

/* The failure that main() prints, unless a command forgets it: DEL does not fail because its agent is away. */
static struct {
	int code;
	char message[2048];
} failure;

/* Version in which errors are written: the configuration's, as soon as it is known. */
static const char *error_version = "1.0.0";

enum { MAX_PART = 400 };

static int fail(int code, const char *const *parts)
{
	struct text text = {.bytes = failure.message, .capacity = sizeof failure.message - 1};
	for (; *parts != NULL; parts++) {
		const size_t length = strnlen(*parts, MAX_PART);
		for (size_t i = 0; i < length; i++) put(&text, (unsigned char)(*parts)[i]);
		if ((*parts)[length] != '\0') append(&text, "...");
	}
	failure.message[text.length] = '\0';
	failure.code = code;
	return -1;
}

/* Records `code` and the message made of the strings that follow; a very long one (a path) is cut. Is -1. */
#define FAIL(code, ...) fail(code, (const char *const[]){__VA_ARGS__, NULL})

/* ---- Input and output ---------------------------------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
	struct timespec time;
	if (clock_gettime(CLOCK_MONOTONIC, &time) != 0) return 0; /* cannot fail for this clock */
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t now_ms(void)
{
	return now_ns() / 1000000;
}

#define NEVER INT64_MAX

/* Waits until `fd` is ready for `events`. Returns -1 with errno, ETIMEDOUT when `deadline_ms` of now_ms() has passed. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
	for (;;) {
		const int64_t left = deadline_ms == NEVER ? -1 : deadline_ms - now_ms();
		if (deadline_ms != NEVER && left <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		struct pollfd poll_fd = {.fd = fd, .events = events};
		const int ready = poll(&poll_fd, 1, (int)left);
		if (ready > 0) return 0;
		if (ready < 0 && errno != EINTR) return -1;
	}
}

/* Reads to the end. Returns -1 with errno, EFBIG when `capacity` bytes were not enough; *length counts what was read even then. */
static int read_to_end(int fd, unsigned char *buffer, size_t capacity, size_t *length)
{
	*length = 0;
	for (;;) {
		const ssize_t count = read(fd, buffer + *length, capacity - *length);
		if (count == 0) return 0;
		if (count > 0) {
			*length += (size_t)count;
			if (*length < capacity) continue;
			errno = EFBIG;
			return -1;
		}
		if (errno == EAGAIN && wait_for(fd, POLLIN, NEVER) == 0) continue;
		if (errno != EINTR) return -1;
	}
}

static int write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;
	while (length > 0) {
		const ssize_t count = write(fd, at, length);
		if (count >= 0) {
			at += count;
			length -= (size_t)count;
		} else if (errno != EINTR && (errno != EAGAIN || wait_for(fd, POLLOUT, NEVER) != 0)) {
			return -1;
		}
	}
	return 0;
}

/* A line for whoever reads the runtime's log. Best effort: stderr is nobody's contract. */
static void log_line(const char *head, const char *tail)
{
	char bytes[sizeof failure.message + 128];
	struct text text = {.bytes = bytes, .capacity = sizeof bytes};
	append(&text, "causeway: ");
	append(&text, head);
	append(&text, tail);
	append(&text, "\n");
	if (write_all(STDERR_FILENO, bytes, text.length) != 0) return;
}

/* Prints a command's result and returns `exit_code`, or 1 when nobody can have read it. */
static int print(const void *bytes, size_t length, int exit_code)
{
	if (write_all(STDOUT_FILENO, bytes, length) == 0) return exit_code;
	log_line("Cannot write to stdout: ", describe(errno));
	return 1;
}

/* Prints the recorded failure as the error JSON of SPEC.md, section "Error". Returns the exit code. */
static int print_failure(void)
{
	static char bytes[6 * sizeof failure.message + 256]; /* an escape makes one byte six */
	struct text text = {.bytes = bytes, .capacity = sizeof bytes};
	append(&text, "{\"cniVersion\":");
	append_json(&text, error_version);
	append(&text, ",\"code\":");
	append(&text, decimal((uint64_t)failure.code));
	append(&text, ",\"msg\":");
	append_json(&text, failure.message);
	append(&text, ",\"details\":\"causeway shim " CAUSEWAY_VERSION "\"}\n");
	return print(bytes, text.length, 1);
}

/*
 * A runtime may start us with a standard stream closed; then the next open() would give its number to the agent's socket, and an error
 * would be printed into that. A path-only descriptor takes the place: reading and writing it fail as if it were closed.
 */
static int keep_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/", O_PATH | O_CLOEXEC) != fd) return -1;
	return 0;
}

/* ---- Configuration scanner ----------------------------------------------------------------------------------------------------- */

enum value_state { VALUE_ABSENT, VALUE_UNUSABLE, VALUE_STRING };

/* A string of the configuration. Unusable: not a string, too long for any use here, or with a NUL inside. */
struct value {
	enum value_state state;
	char text[sizeof((struct sockaddr_un *)NULL)->sun_path];
};

/* What the shim needs of a network configuration. The agent parses and validates the whole. */
struct config {
	struct value version;
	struct value socket;
	bool complete; /* one JSON object, as far as brackets and strings tell, and nothing behind it */
};

struct cursor {
	const unsigned char *at;
	const unsigned char *end;
};

/* The byte under the cursor; NUL, which is nowhere allowed, at the end. */
static unsigned char peek(const struct cursor *cursor)
{
	return cursor->at < cursor->end ? *cursor->at : '\0';
}

static bool take(struct cursor *cursor, unsigned char byte)
{
	if (byte == '\0' || peek(cursor) != byte) return false;
	cursor->at++;
	return true;
}

static bool is_blank(unsigned char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void skip_blanks(struct cursor *cursor)
{
	while (is_blank(peek(cursor))) cursor->at++;
}

static void put_utf8(struct text *text, uint32_t code)
{
	if (code < 0x80) {
		put(text, (unsigned char)code);
		return;
	}
	if (code < 0x800) {
		put(text, (unsigned char)(0xc0 | code >> 6));
	} else {
		if (code < 0x10000) {
			put(text, (unsigned char)(0xe0 | code >> 12));
		} else {
			put(text, (unsigned char)(0xf0 | code >> 18));
			put(text, (unsigned char)(0x80 | (code >> 12 & 0x3f)));
		}
		put(text, (unsigned char)(0x80 | (code >> 6 & 0x3f)));
	}
	put(text, (unsigned char)(0x80 | (code & 0x3f)));
}

static int read_hex4(struct cursor *cursor, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++, cursor->at++) {
		const unsigned char byte = peek(cursor);
		const unsigned char letter = byte | 0x20;
		if (byte >= '0' && byte <= '9')
			*code = *code << 4 | (uint32_t)(byte - '0');
		else if (letter >= 'a' && letter <= 'f')
			*code = *code << 4 | (uint32_t)(letter - 'a' + 10);
		else
			return -1;
	}
	return 0;
}

/* Reads what follows `\u`. A pair of surrogates is one character; half a pair is U+FFFD, as in the runtimes' parser. */
static int read_unicode_escape(struct cursor *cursor, uint32_t *code)
{
	if (read_hex4(cursor, code) != 0) return -1;
	if (*code < 0xd800 || *code > 0xdfff) return 0;
	struct cursor ahead = *cursor;
	uint32_t low;
	if (*code < 0xdc00 && take(&ahead, '\\') && take(&ahead, 'u') && read_hex4(&ahead, &low) == 0 && low >= 0xdc00 && low <= 0xdfff) {
		*code = 0x10000 + ((*code - 0xd800) << 10 | (low - 0xdc00));
		*cursor = ahead;
	} else {
		*code = 0xfffd;
	}
	return 0;
}

/* Reads what follows a backslash (RFC 8259, section 7). */
static int read_escape(struct cursor *cursor, uint32_t *code)
{
	static const char names[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	if (take(cursor, 'u')) return read_unicode_escape(cursor, code);
	const unsigned char byte = peek(cursor);
	const char *name = byte == '\0' ? NULL : strchr(names, byte);
	if (name == NULL) return -1;
	*code = (unsigned char)meanings[name - names];
	cursor->at++;
	return 0;
}

/* Reads a string with its quotes and escapes into `value`. Returns -1 when it is malformed or has no end. */
static int read_string(struct cursor *cursor, struct value *value)
{
	struct text text = {.bytes = value->text, .capacity = sizeof value->text - 1};
	value->state = VALUE_UNUSABLE;
	if (!take(cursor, '"')) return -1;
	while (!take(cursor, '"')) {
		uint32_t code = peek(cursor);
		if (code < 0x20) return -1;
		cursor->at++;
		if (code != '\\') {
			put(&text, (unsigned char)code);
		} else {
			if (read_escape(cursor, &code) != 0) return -1;
			put_utf8(&text, code);
		}
	}
	value->text[text.length] = '\0';
	if (!text.overflow && strlen(value->text) == text.length) value->state = VALUE_STRING;
	return 0;
}

static bool is_structural(unsigned char byte)
{
	return byte == '\0' || strchr("{}[]:,\"", byte) != NULL || is_blank(byte);
}

/* Passes one value of any kind, counting brackets instead of recursing. Returns -1 when it has no end. */
static int skip_value(struct cursor *cursor)
{
	struct value ignored;
	size_t depth = 0;
	do {
		const unsigned char byte = peek(cursor);
		if (byte == '"') {
			if (read_string(cursor, &ignored) != 0) return -1;
		} else if (byte == '{' || byte == '[') {
			if (++depth > MAX_DEPTH) return -1;
			cursor->at++;
		} else if (depth > 0 && (byte == '}' || byte == ']')) {
			depth--;
			cursor->at++;
		} else if (depth > 0 && (byte == ',' || byte == ':' || is_blank(byte))) {
			cursor->at++;
		} else if (!is_structural(byte)) {
			while (!is_structural(peek(cursor))) cursor->at++;
		} else {
			return -1;
		}
	} while (depth > 0);
	return 0;
}

/* Reads one `"key": value`. */
static int scan_member(struct cursor *cursor, struct config *config)
{
	struct value key;
	if (read_string(cursor, &key) != 0) return -1;
	skip_blanks(cursor);
	if (!take(cursor, ':')) return -1;
	skip_blanks(cursor);
	struct value *wanted = NULL;
	if (key.state == VALUE_STRING && strcmp(key.text, "cniVersion") == 0) wanted = &config->version;
	if (key.state == VALUE_STRING && strcmp(key.text, "socket") == 0) wanted = &config->socket;
	if (wanted == NULL) return skip_value(cursor);
	if (peek(cursor) == '"') return read_string(cursor, wanted);
	wanted->state = VALUE_UNUSABLE;
	return skip_value(cursor);
}

/*
 * Finds the top-level keys without building a tree. Any bytes are fine: what stands before the first fault is used, and `complete` stays
 * false. Of two equal keys the last counts, as in the runtimes' parser.
 */
static void scan_config(const unsigned char *json, size_t length, struct config *config)
{
	struct cursor cursor = {json, json + length};
	memset(config, 0, sizeof *config);
	skip_blanks(&cursor);
	if (!take(&cursor, '{')) return;
	skip_blanks(&cursor);
	if (!take(&cursor, '}')) {
		do {
			skip_blanks(&cursor);
			if (scan_member(&cursor, config) != 0) return;
			skip_blanks(&cursor);
		} while (take(&cursor, ','));
		if (!take(&cursor, '}')) return;
	}
	skip_blanks(&cursor);
	config->complete = cursor.at == cursor.end;
}

/* ---- Frame --------------------------------------------------------------------------------------------------------------------- */

#define PROTOCOL_VERSION 1

enum { REQUEST_HEADER = 24, REPLY_HEADER = 12 };

/* Stdin is read behind a gap in which environment and header find room in front of it, so that a frame is one piece without a copy. */
#define STDIN_OFFSET (REQUEST_HEADER + MAX_ENVIRONMENT)
static unsigned char frame[STDIN_OFFSET + MAX_STDIN + 1];

static void put_be(unsigned char *at, uint64_t number, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--, number >>= 8) at[i] = (unsigned char)number;
}

static uint32_t get_be(const unsigned char *at, int bytes)
{
	uint32_t number = 0;
	for (int i = 0; i < bytes; i++) number = number << 8 | at[i];
	return number;
}

static bool is_forwarded(const char *variable)
{
	return strncmp(variable, "CNI_", 4) == 0 && strchr(variable, '=') != NULL;
}

/* Writes the environment block in front of `end`. Returns its length, 0 when it is larger than MAX_ENVIRONMENT (it is never empty). */
static size_t encode_environment(char *const *environment, unsigned char *end)
{
	static const char own[] = "CAUSEWAY_SHIM_VERSION=" CAUSEWAY_VERSION;
	size_t length = sizeof own;
	memcpy(end - length, own, sizeof own);
	for (; *environment != NULL; environment++) {
		if (!is_forwarded(*environment)) continue;
		const size_t size = strlen(*environment) + 1;
		if (size > MAX_ENVIRONMENT - length) return 0;
		length += size;
		memcpy(end - length, *environment, size);
	}
	return length;
}

/* Writes environment and header in front of the stdin in `frame`. Returns where the frame begins, or NULL. */
static unsigned char *encode_frame(char *const *environment, size_t stdin_length, uint64_t started_ns)
{
	const size_t size = encode_environment(environment, frame + STDIN_OFFSET);
	if (size == 0) {
		FAIL(CODE_ENVIRONMENT, "Cannot send the CNI_* variables to the agent: they are larger than " TEXT_OF(MAX_ENVIRONMENT) " bytes");
		return NULL;
	}
	unsigned char *begin = frame + STDIN_OFFSET - size - REQUEST_HEADER;
	memcpy(begin, "CWAY", 4);
	put_be(begin + 4, REQUEST_HEADER - 8 + size + stdin_length, 4);
	put_be(begin + 8, PROTOCOL_VERSION, 2);
	put_be(begin + 10, 0, 2);
	put_be(begin + 12, size, 4);
	put_be(begin + 16, started_ns, 8);
	return begin;
}

struct reply {
	int exit_code;
	size_t length;
};

/* Returns -1 with the reason recorded: 11 for another protocol version (an upgrade is under way), 5 for what is no reply. */
static int decode_reply_header(const unsigned char header[REPLY_HEADER], struct reply *reply)
{
	const uint32_t length = get_be(header + 4, 4);
	const uint32_t version = get_be(header + 8, 2);
	const uint32_t exit_code = get_be(header + 10, 2);
	if (memcmp(header, "CWAY", 4) != 0) return FAIL(CODE_IO, "Cannot read reply of agent: it does not begin with \"CWAY\"");
	if (version != PROTOCOL_VERSION)
		return FAIL(CODE_TRY_LATER, "Cannot read reply of agent: shim speaks protocol " TEXT_OF(PROTOCOL_VERSION) ", agent ", decimal(version));
	if (length < REPLY_HEADER - 8) return FAIL(CODE_IO, "Cannot read reply of agent: its length ", decimal(length), " is below 4");
	if (length - (REPLY_HEADER - 8) > MAX_REPLY)
		return FAIL(CODE_IO, "Cannot read reply of agent: its length ", decimal(length), " is above the limit of " TEXT_OF(MAX_REPLY) " bytes");
	if (exit_code > 1) return FAIL(CODE_IO, "Cannot read reply of agent: its exit code ", decimal(exit_code), " is neither 0 nor 1");
	reply->exit_code = (int)exit_code;
	reply->length = length - (REPLY_HEADER - 8);
	return 0;
}

/* ---- Network namespace --------------------------------------------------------------------------------------------------------- */

/* The pod's descriptors, in the order in which a frame carries them. */
struct pod {
	int netns;
	int rtnetlink;
};

#define OWN_NETNS "/proc/self/ns/net"

static int open_rtnetlink(void)
{
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd == -1) FAIL(CODE_IO, "Cannot open rtnetlink socket: ", describe(errno));
	return fd;
}

/* Opens the namespace that CNI_NETNS names, which must not be our own: the pod's routes would become the host's. */
static int open_netns(const char *path, int own)
{
	/* O_NONBLOCK: a fifo of that name must not hold us up. */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1) return FAIL(CODE_ENVIRONMENT, "Cannot open CNI_NETNS \"", path, "\": ", describe(errno));
	struct stat theirs, ours;
	if (fstat(fd, &theirs) != 0 || fstat(own, &ours) != 0) {
		FAIL(CODE_IO, "Cannot stat CNI_NETNS \"", path, "\": ", describe(errno));
	} else if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino) {
		FAIL(CODE_OWN_NETNS, "Cannot use CNI_NETNS \"", path, "\": it is the network namespace of the plugin itself");
	} else {
		return fd;
	}
	close(fd);
	return -1;
}

/* Opens an rtnetlink socket inside `netns`, then returns to `own`. */
static int open_rtnetlink_inside(const char *path, int netns, int own)
{
	if (setns(netns, CLONE_NEWNET) != 0) {
		if (errno == EINVAL) return FAIL(CODE_ENVIRONMENT, "Cannot enter CNI_NETNS \"", path, "\": it is no network namespace");
		return FAIL(CODE_IO, "Cannot enter CNI_NETNS \"", path, "\": ", describe(errno));
	}
	const int fd = open_rtnetlink();
	if (setns(own, CLONE_NEWNET) == 0) return fd;
	FAIL(CODE_IO, "Cannot return to the host's network namespace: ", describe(errno));
	if (fd != -1) close(fd);
	return -1;
}

static int open_pod(const char *path, struct pod *pod)
{
	const int own = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	if (own == -1) return FAIL(CODE_IO, "Cannot open \"" OWN_NETNS "\": ", describe(errno));
	pod->netns = open_netns(path, own);
	pod->rtnetlink = pod->netns == -1 ? -1 : open_rtnetlink_inside(path, pod->netns, own);
	close(own);
	if (pod->rtnetlink != -1) return 0;
	if (pod->netns != -1) close(pod->netns);
	return -1;
}

/* ---- rtnetlink ----------------------------------------------------------------------------------------------------------------- */

/* A request about one link (linux/rtnetlink.h); the name is sent only when the index is 0. */
struct link_request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	struct rtattr attribute;
	char name[IFNAMSIZ];
};

/* What an answer tells of a link. An empty alias is none: the kernel sends it only when there is one. */
struct link {
	int index;
	unsigned flags;
	char alias[10]; /* enough for the first word */
	char kind[16];
};

/* Large enough for any single link: its alternative names, which tell a pod's host ports, may take 64 KiB alone. */
static unsigned char answer[80 * 1024];

/* Length of attribute `type` among `length` bytes of attributes and its place in *value, or -1 when it is absent. */
static ssize_t find_attribute(const unsigned char *at, size_t length, uint16_t type, const unsigned char **value)
{
	struct rtattr attribute;
	while (length >= sizeof attribute) {
		memcpy(&attribute, at, sizeof attribute);
		if (attribute.rta_len < sizeof attribute || attribute.rta_len > length) return -1;
		*value = at + sizeof attribute;
		if ((attribute.rta_type & NLA_TYPE_MASK) == type) return (ssize_t)(attribute.rta_len - sizeof attribute);
		const size_t aligned = ((size_t)attribute.rta_len + 3) & ~(size_t)3;
		if (aligned >= length) return -1;
		at += aligned;
		length -= aligned;
	}
	return -1;
}

/* Copies a string attribute, cut to `capacity` with its NUL; empty when it is absent. */
static void copy_attribute(const unsigned char *attributes, size_t length, uint16_t type, char *out, size_t capacity)
{
	const unsigned char *value;
	const ssize_t size = find_attribute(attributes, length, type, &value);
	memset(out, 0, capacity);
	if (size > 0) memcpy(out, value, (size_t)size < capacity ? (size_t)size : capacity - 1);
}

/* Reads the kernel's answer to one request. Returns 0 or an errno; fills *link, if it is wanted, from a description of a link. */
static int parse_answer(const unsigned char *bytes, size_t length, struct link *link)
{
	struct nlmsghdr header;
	if (length < sizeof header) return EPROTO;
	memcpy(&header, bytes, sizeof header);
	if (header.nlmsg_len < sizeof header || header.nlmsg_len > length) return EPROTO;
	const unsigned char *payload = bytes + sizeof header;
	const size_t size = header.nlmsg_len - sizeof header;
	if (header.nlmsg_type == NLMSG_ERROR) {
		int error;
		if (size < sizeof error) return EPROTO;
		memcpy(&error, payload, sizeof error);
		if (error == 0) return link == NULL ? 0 : EPROTO;
		return error < 0 && error > -4096 ? -error : EPROTO;
	}
	struct ifinfomsg info;
	if (header.nlmsg_type != RTM_NEWLINK || link == NULL || size < sizeof info) return EPROTO;
	memcpy(&info, payload, sizeof info);
	link->index = info.ifi_index;
	link->flags = info.ifi_flags;
	const unsigned char *attributes = payload + sizeof info;
	copy_attribute(attributes, size - sizeof info, IFLA_IFALIAS, link->alias, sizeof link->alias);
	const unsigned char *link_info = NULL;
	const ssize_t link_info_size = find_attribute(attributes, size - sizeof info, IFLA_LINKINFO, &link_info);
	copy_attribute(link_info, link_info_size < 0 ? 0 : (size_t)link_info_size, IFLA_INFO_KIND, link->kind, sizeof link->kind);
	return 0;
}

/* Sends one request about a link, named by `name` or else by *link's index, and reads its answer. Returns 0 or an errno. */
static int talk(int fd, uint16_t type, const char *name, struct link_request request, struct link *link)
{
	request.header.nlmsg_len = sizeof request.header + sizeof request.link;
	request.header.nlmsg_type = type;
	request.header.nlmsg_flags = link == NULL ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST;
	if (name != NULL) {
		const size_t length = strnlen(name, IFNAMSIZ - 1);
		memcpy(request.name, name, length);
		request.attribute.rta_type = IFLA_IFNAME;
		request.attribute.rta_len = (uint16_t)(sizeof request.attribute + length + 1);
		request.header.nlmsg_len += (uint32_t)(sizeof request.attribute + sizeof request.name);
	}
	ssize_t count;
	do count = send(fd, &request, request.header.nlmsg_len, 0);
	while (count == -1 && errno == EINTR);
	if (count == -1) return errno;
	do count = recv(fd, answer, sizeof answer, MSG_TRUNC);
	while (count == -1 && errno == EINTR);
	if (count == -1) return errno;
	return (size_t)count > sizeof answer ? EMSGSIZE : parse_answer(answer, (size_t)count, link);
}

static int get_link(int fd, const char *name, struct link *link)
{
	return talk(fd, RTM_GETLINK, name, (struct link_request){0}, link);
}

/* By index: the name could by now belong to a link that somebody else made. */
static int delete_link(int fd, int index)
{
	return talk(fd, RTM_DELLINK, NULL, (struct link_request){.link.ifi_index = index}, NULL);
}

static int set_link_up(int fd, const char *name, bool up)
{
	return talk(fd, RTM_NEWLINK, name, (struct link_request){.link = {.ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP}}, NULL);
}

/*
 * Name of an attachment's host link: "cw" and 13 base32 characters. The hash is the 64-bit FNV-1a (offset basis 0xcbf29ce484222325,
 * prime 0x100000001b3) of the bytes of the container ID, one NUL, and the bytes of the interface name without a NUL at the end. Characters
 * are a-z then 2-7 (RFC 4648, in lower case) and stand for 5 bits each, most significant first: twelve of them for the upper 60 bits; the
 * thirteenth holds the lowest 4 bits, shifted left by one. agent/net/host-link.ts is the same; test/vectors.json binds both.
 */
static void host_link_name(const char *container_id, const char *ifname, char name[IFNAMSIZ])
{
	static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
	const uint64_t prime = 0x100000001b3;
	uint64_t hash = 0xcbf29ce484222325;
	for (const char *at = container_id; *at != '\0'; at++) hash = (hash ^ (unsigned char)*at) * prime;
	hash *= prime; /* the NUL between them: x ^ 0 is x */
	for (const char *at = ifname; *at != '\0'; at++) hash = (hash ^ (unsigned char)*at) * prime;
	name[0] = 'c';
	name[1] = 'w';
	for (int i = 0; i < 12; i++) name[2 + i] = base32[hash >> (59 - 5 * i) & 31];
	name[14] = base32[hash << 1 & 31];
	name[15] = '\0';
}

/* Ours by its alias; without any alias a link of exactly that name and kind is ours too, as an ADD that was cut short leaves it. */
static bool is_ours(const struct link *link, const char *kind)
{
	if (link->alias[0] == '\0') return strcmp(link->kind, kind) == 0;
	return strcmp(link->alias, "causeway ") == 0;
}

/* Deletes a link of ours. One that is gone, or somebody else's, is success. Returns 0 or an errno. */
static int remove_link(int fd, const char *name, const char *kind)
{
	struct link link;
	int error = get_link(fd, name, &link);
	if (error == 0 && is_ours(&link, kind)) error = delete_link(fd, link.index);
	return error == ENODEV ? 0 : error;
}

/*
 * What DEL does without the agent: deletes the attachment's veth, and the ifb that limits what its pod sends (agent/plan/pods/ifb.ts), if there is
 * one. Elements of its host ports lead nowhere then; the agent deletes them when it comes.
 */
static int remove_host_link(const char *container_id, const char *ifname)
{
	char name[IFNAMSIZ];
	host_link_name(container_id, ifname, name);
	const int fd = open_rtnetlink();
	if (fd == -1) return -1;
	int error = remove_link(fd, name, "veth");
	if (error == 0) {
		name[1] = 'i';
		error = remove_link(fd, name, "ifb");
	}
	close(fd);
	if (error == 0) return 0;
	return FAIL(CODE_IO, "Cannot delete link \"", name, "\": ", describe(error));
}

/* ---- Conversation with the agent ----------------------------------------------------------------------------------------------- */

enum { NEEDS_CONTAINERID = 1, NEEDS_NETNS = 2, NEEDS_IFNAME = 4 };

/* A command of the specification, what it needs, and how patient it is. */
struct verb {
	const char *name;
	unsigned needs;
	int64_t absent_ms;  /* how long it waits for an agent that is away */
	int64_t answer_ms;  /* from the end of stdin to the reply; 0: as long as the agent holds the connection */
	int unavailable;    /* code when there is no agent, or it leaves */
};

static const struct verb verbs[] = {
	{"ADD", NEEDS_CONTAINERID | NEEDS_NETNS | NEEDS_IFNAME, AGENT_WAIT_MS, 0, CODE_TRY_LATER},
	{"DEL", NEEDS_CONTAINERID | NEEDS_IFNAME, 0, DEL_ANSWER_MS, CODE_TRY_LATER},
	{"CHECK", NEEDS_CONTAINERID | NEEDS_NETNS | NEEDS_IFNAME, AGENT_WAIT_MS, 0, CODE_TRY_LATER},
	{"GC", 0, 0, 0, CODE_TRY_LATER},
	{"STATUS", 0, 0, STATUS_ANSWER_MS, CODE_NOT_AVAILABLE},
	{"VERSION", 0, 0, 0, 0},
};

static bool is(const struct verb *verb, const char *name)
{
	return strcmp(verb->name, name) == 0;
}

/* What goes to the agent. */
struct request {
	const struct verb *verb;
	const char *socket;
	const unsigned char *begin;
	size_t length;
	const struct pod *pod; /* NULL: no descriptors */
	int64_t read_ms;       /* when stdin had ended */
};

static unsigned char reply_body[MAX_REPLY];

static int64_t answer_deadline(const struct request *request)
{
	return request->verb->answer_ms == 0 ? NEVER : request->read_ms + request->verb->answer_ms;
}

/* Waiting has failed: for want of time, or for another reason in errno. */
static int fail_waiting(const struct request *request, const char *what)
{
	if (errno != ETIMEDOUT) return FAIL(CODE_IO, "Cannot ", what, " agent at \"", request->socket, "\": ", describe(errno));
	return FAIL(request->verb->unavailable, "Cannot ", what, " agent at \"", request->socket, "\": it did not answer within ",
		decimal((uint64_t)request->verb->answer_ms), " ms");
}

/*
 * How long to repeat a connect() that failed with `error`, or -1 for not at all. EAGAIN is a full queue: an agent is there but busy, which
 * even the impatient commands sit out for a moment.
 */
static int64_t patience_ms(const struct verb *verb, int error)
{
	if (error == ENOENT || error == ECONNREFUSED) return verb->absent_ms;
	if (error == EAGAIN || error == EINTR) return verb->absent_ms > BUSY_WAIT_MS ? verb->absent_ms : BUSY_WAIT_MS;
	return -1;
}

static int fail_connecting(const struct request *request, int error, int64_t patience)
{
	if (patience < 0) return FAIL(CODE_IO, "Cannot connect to agent at \"", request->socket, "\": ", describe(error));
	if (patience == 0) return FAIL(request->verb->unavailable, "Cannot reach agent at \"", request->socket, "\": ", describe(error));
	return FAIL(request->verb->unavailable, "Cannot reach agent at \"", request->socket, "\" within ", decimal((uint64_t)patience), " ms: ",
		describe(error));
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

/* Sends the frame; the descriptors travel with its first bytes. When the agent closes early the reply may still be there to be read. */
static int send_request(int fd, const struct request *request)
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
			return 0;
		} else if (errno != EINTR && (errno != EAGAIN || wait_for(fd, POLLOUT, answer_deadline(request)) != 0)) {
			return fail_waiting(request, "send request to");
		}
	}
	return 0;
}

/* Reads exactly `length` bytes of the reply. */
static int receive(int fd, const struct request *request, unsigned char *bytes, size_t length)
{
	while (length > 0) {
		const ssize_t count = recv(fd, bytes, length, 0);
		if (count > 0) {
			bytes += count;
			length -= (size_t)count;
		} else if (count == 0 || errno == ECONNRESET) {
			return FAIL(request->verb->unavailable, "Cannot read reply of agent at \"", request->socket,
				"\": agent closed the connection before it answered");
		} else if (errno != EINTR && (errno != EAGAIN || wait_for(fd, POLLIN, answer_deadline(request)) != 0)) {
			return fail_waiting(request, "read reply of");
		}
	}
	return 0;
}

static int receive_reply(int fd, const struct request *request, struct reply *reply)
{
	unsigned char header[REPLY_HEADER];
	if (receive(fd, request, header, sizeof header) != 0 || decode_reply_header(header, reply) != 0) return -1;
	return receive(fd, request, reply_body, reply->length);
}

/* One request and its reply, whose body is left in `reply_body`. */
static int ask_agent(const struct request *request, struct reply *reply)
{
	const int fd = connect_agent(request);
	if (fd == -1) return -1;
	const int result = send_request(fd, request) == 0 ? receive_reply(fd, request, reply) : -1;
	close(fd);
	return result;
}

/* ---- Commands ------------------------------------------------------------------------------------------------------------------ */

/* What the runtime gave. */
struct input {
	const struct verb *verb;
	struct config config;
	size_t stdin_length;
	int stdin_errno; /* 0, or why stdin was not read to its end */
	uint64_t started_ns;
	int64_t read_ms;
};

/* A variable; one that is not set is as good as an empty one. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value == NULL ? "" : value;
}

static void read_input(struct input *input)
{
	if (read_to_end(STDIN_FILENO, frame + STDIN_OFFSET, MAX_STDIN + 1, &input->stdin_length) != 0) input->stdin_errno = errno;
	input->read_ms = now_ms();
	scan_config(frame + STDIN_OFFSET, input->stdin_length, &input->config);
	const struct value *version = &input->config.version;
	const char *supported = version->state == VALUE_STRING ? supported_version(version->text) : NULL;
	if (supported != NULL) error_version = supported;
}

static int fail_stdin(int error)
{
	if (error == EFBIG)
		return FAIL(CODE_IO, "Cannot read network configuration from stdin: it is larger than " TEXT_OF(MAX_STDIN) " bytes");
	return FAIL(CODE_IO, "Cannot read network configuration from stdin: ", describe(error));
}

/* Names all missing variables in one error (SPEC.md, section "Parameters"). An empty container ID is as bad as none. */
static int check_variables(const struct verb *verb)
{
	static const struct {
		const char *name;
		unsigned need;
	} variables[] = {{"CNI_CONTAINERID", NEEDS_CONTAINERID}, {"CNI_NETNS", NEEDS_NETNS}, {"CNI_IFNAME", NEEDS_IFNAME}};
	char missing[64];
	struct text text = {.bytes = missing, .capacity = sizeof missing - 1};
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		if ((verb->needs & variables[i].need) == 0 || variable(variables[i].name)[0] != '\0') continue;
		if (text.length > 0) append(&text, ", ");
		append(&text, variables[i].name);
	}
	missing[text.length] = '\0';
	return text.length == 0 ? 0 : FAIL(CODE_ENVIRONMENT, "Required CNI variables are missing: ", missing);
}

/* The agent's socket, or NULL. A relative path would depend on the runtime's working directory. */
static const char *find_socket(const struct config *config)
{
	const struct value *value = &config->socket;
	if (value->state == VALUE_ABSENT) return DEFAULT_SOCKET;
	if (value->state == VALUE_STRING && value->text[0] == '/') return value->text;
	if (value->state == VALUE_STRING)
		FAIL(CODE_CONFIG, "Cannot use socket \"", value->text, "\": it is no absolute path");
	else
		FAIL(CODE_CONFIG, "Cannot use socket: it is no string of 1 to ", decimal(sizeof value->text - 1), " bytes");
	return NULL;
}

/* Puts the request together and has the agent answer it. */
static int forward(const struct input *input, struct reply *reply)
{
	if (input->stdin_errno != 0) return fail_stdin(input->stdin_errno);
	struct request request = {.verb = input->verb, .read_ms = input->read_ms};
	request.socket = find_socket(&input->config);
	if (request.socket == NULL) return -1;
	request.begin = encode_frame(environ, input->stdin_length, input->started_ns);
	if (request.begin == NULL) return -1;
	request.length = (size_t)(frame + STDIN_OFFSET + input->stdin_length - request.begin);
	struct pod pod;
	if ((input->verb->needs & NEEDS_NETNS) == 0) return ask_agent(&request, reply);
	if (open_pod(variable("CNI_NETNS"), &pod) != 0) return -1;
	request.pod = &pod;
	const int result = ask_agent(&request, reply);
	close(pod.rtnetlink);
	close(pod.netns);
	return result;
}

/* Runs a command with the agent. Returns the exit code, or -1. */
static int run_command(const struct input *input)
{
	struct reply reply;
	if (forward(input, &reply) == 0) return print(reply_body, reply.length, reply.exit_code);
	if (!is(input->verb, "DEL")) return -1;
	log_line("DEL without the agent: ", failure.message);
	return remove_host_link(variable("CNI_CONTAINERID"), variable("CNI_IFNAME"));
}

/* VERSION depends on nothing: runtimes ask it before anything works, with dummies in the other variables. */
static int run_version(const struct input *input)
{
	const struct value *asked = &input->config.version;
	const char *version = asked->state == VALUE_STRING ? supported_version(asked->text) : NULL;
	char bytes[256];
	struct text text = {.bytes = bytes, .capacity = sizeof bytes};
	append(&text, "{\"cniVersion\":");
	append_json(&text, version != NULL ? version : supported_versions[VERSION_COUNT - 1]);
	append(&text, ",\"supportedVersions\":[");
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		if (i > 0) put(&text, ',');
		append_json(&text, supported_versions[i]);
	}
	append(&text, "]}\n");
	return print(bytes, text.length, 0);
}

/* Somebody runs the program by hand. */
static int run_about(void)
{
	static const char about[] = "causeway " CAUSEWAY_VERSION ": CNI plugin of the Causeway node agent\n"
		"A container runtime runs it with CNI_COMMAND and the other CNI variables set; see https://www.cni.dev/docs/spec/\n";
	return write_all(STDERR_FILENO, about, sizeof about - 1) == 0 ? 0 : 1;
}

/* ---- Loopback ------------------------------------------------------------------------------------------------------------------ */

/* Whether ::1 is there, in the namespace `netns`, which is entered for good. */
static bool has_ipv6_loopback(int netns)
{
	if (setns(netns, CLONE_NEWNET) != 0) return false;
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1) return false;
	const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const bool found = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
	close(fd);
	return found;
}

static void append_loopback_ip(struct text *text, const char *family, const char *address, bool has_family)
{
	append(text, "{");
	if (has_family) {
		append(text, "\"version\":");
		append_json(text, family);
		append(text, ",");
	}
	append(text, "\"interface\":0,\"address\":");
	append_json(text, address);
	append(text, "}");
}

/* Prints ADD's result in the shape of `version` (SPEC.md of 0.2.0, 0.4.0 and 1.0.0, section "Result"). */
static int print_loopback_result(const char *version, const char *netns, bool has_ipv6)
{
	static char bytes[6 * 4096 + 512]; /* a path that could be opened is below PATH_MAX, which is 4096 */
	struct text text = {.bytes = bytes, .capacity = sizeof bytes};
	append(&text, "{\"cniVersion\":");
	append_json(&text, version);
	if (strcmp(version, "0.3.0") < 0) {
		append(&text, ",\"ip4\":{\"ip\":\"127.0.0.1/8\"}");
		if (has_ipv6) append(&text, ",\"ip6\":{\"ip\":\"::1/128\"}");
	} else {
		const bool has_family = version[0] == '0';
		append(&text, ",\"interfaces\":[{\"name\":\"lo\",\"mac\":\"00:00:00:00:00:00\",\"sandbox\":");
		append_json(&text, netns);
		append(&text, "}],\"ips\":[");
		append_loopback_ip(&text, "4", "127.0.0.1/8", has_family);
		if (has_ipv6) {
			append(&text, ",");
			append_loopback_ip(&text, "6", "::1/128", has_family);
		}
		append(&text, "]");
	}
	append(&text, ",\"dns\":{}}\n");
	return print(bytes, text.length, 0);
}

/* The agent is not there to validate what the runtime sent. Returns the version to answer in, or NULL. */
static const char *check_loopback_config(const struct input *input)
{
	const struct value *version = &input->config.version;
	if (input->stdin_errno != 0) {
		fail_stdin(input->stdin_errno);
	} else if (!input->config.complete) {
		FAIL(CODE_JSON, "Cannot parse network configuration on stdin: it is no JSON object");
	} else if (version->state == VALUE_ABSENT) {
		return supported_versions[0]; /* a configuration without the key is older than the key */
	} else if (version->state == VALUE_STRING && supported_version(version->text) != NULL) {
		return supported_version(version->text);
	} else {
		FAIL(CODE_VERSION, "Cannot use cniVersion", version->state == VALUE_STRING ? " \"" : "",
			version->state == VALUE_STRING ? version->text : "", version->state == VALUE_STRING ? "\"" : "",
			": supported are 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
	}
	return NULL;
}

/* ADD and CHECK. The name is "lo" whatever CNI_IFNAME says: a namespace has only one loopback. */
static int run_loopback_in(const struct input *input, const struct pod *pod, const char *netns, const char *version)
{
	struct link lo;
	int error = is(input->verb, "ADD") ? set_link_up(pod->rtnetlink, "lo", true) : 0;
	if (error != 0) return FAIL(CODE_IO, "Cannot set link \"lo\" up in CNI_NETNS \"", netns, "\": ", describe(error));
	if (is(input->verb, "ADD")) return print_loopback_result(version, netns, has_ipv6_loopback(pod->netns));
	error = get_link(pod->rtnetlink, "lo", &lo);
	if (error != 0) return FAIL(CODE_IO, "Cannot find link \"lo\" in CNI_NETNS \"", netns, "\": ", describe(error));
	if ((lo.flags & IFF_UP) == 0) return FAIL(CODE_IO, "Cannot confirm link \"lo\" in CNI_NETNS \"", netns, "\": it is down");
	return 0;
}

/* The plugin "loopback", which containerd runs beside each network. Returns the exit code, or -1. */
static int run_loopback(const struct input *input)
{
	const char *netns = variable("CNI_NETNS");
	struct pod pod;
	if ((input->verb->needs & NEEDS_NETNS) != 0) {
		const char *version = check_loopback_config(input);
		if (version == NULL || open_pod(netns, &pod) != 0) return -1;
		return run_loopback_in(input, &pod, netns, version);
	}
	/* Best effort: what is not there needs not be set down. */
	if (is(input->verb, "DEL") && netns[0] != '\0' && open_pod(netns, &pod) == 0) (void)set_link_up(pod.rtnetlink, "lo", false);
	return 0;
}

/* ---- Main ---------------------------------------------------------------------------------------------------------------------- */

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (is(&verbs[i], name)) return &verbs[i];
	FAIL(CODE_ENVIRONMENT, "Cannot use CNI_COMMAND \"", name, "\": supported are ADD, DEL, CHECK, GC, STATUS, VERSION");
	return NULL;
}

static bool is_loopback(const char *program)
{
	const char *slash = strrchr(program, '/');
	return strcmp(slash == NULL ? program : slash + 1, "loopback") == 0;
}

int main(int argc, char **argv)
{
	struct input input = {.started_ns = (uint64_t)now_ns()};
	if (keep_standard_streams() != 0) return 1;
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return 1;
	const char *command = variable("CNI_COMMAND");
	if (command[0] == '\0') return run_about();
	read_input(&input);
	input.verb = find_verb(command);
	if (input.verb == NULL) return print_failure();
	if (is(input.verb, "VERSION")) return run_version(&input);
	if (check_variables(input.verb) != 0) return print_failure();
	const int result = argc > 0 && is_loopback(argv[0]) ? run_loopback(&input) : run_command(&input);
	return result < 0 ? print_failure() : result;
}
