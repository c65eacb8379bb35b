/* The reason why a command fails. */
#include "lib/failure.h"
#include "lib/text.h"
#include <errno.h>
#include <string.h>

struct failure failure;
const char *error_version = "1.0.0";

enum { MAX_PART = 400 };

enum outcome fail(enum cni_error code, const char *const *parts)
{
	struct text text = {.bytes = failure.message, .capacity = sizeof failure.message - 1};
	for (; *parts != NULL; parts++) {
		const size_t length = strnlen(*parts, MAX_PART);
		for (size_t i = 0; i < length; i++) put(&text, (unsigned char)(*parts)[i]);
		if ((*parts)[length] != '\0') append(&text, "...");
	}
	failure.message[text.length] = '\0';
	failure.code = code;
	return FAILED;
}

/* The C library's own names are an extension of glibc. */
#define NAME(constant) [constant] = #constant

static const char *errno_name(int error)
{
	static const char *const names[] = {NAME(EACCES), NAME(EAFNOSUPPORT), NAME(EAGAIN), NAME(EBADF), NAME(EBUSY), NAME(ECONNREFUSED),
		NAME(ECONNRESET), NAME(EINVAL), NAME(EIO), NAME(EISDIR), NAME(ELOOP), NAME(EMFILE), NAME(EMSGSIZE), NAME(ENAMETOOLONG),
		NAME(ENFILE), NAME(ENOBUFS), NAME(ENODEV), NAME(ENOENT), NAME(ENOMEM), NAME(ENOSPC), NAME(ENOSYS), NAME(ENOTDIR),
		NAME(ENXIO), NAME(EOPNOTSUPP), NAME(EPERM), NAME(EPIPE), NAME(EPROTO), NAME(EPROTONOSUPPORT), NAME(EPROTOTYPE)};
	return error >= 0 && error < (int)(sizeof names / sizeof names[0]) ? names[error] : NULL;
}

const char *describe(int error)
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
