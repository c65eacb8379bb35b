#pragma once

/*
 * What functions that can fail return. Those that give a descriptor or a pointer return -1 or NULL instead.
 * Unless they say otherwise, they have recorded the reason with FAIL().
 */
enum outcome { OK = 0, FAILED = -1 };

/*
 * CNI error codes (SPEC.md, section "Error"); 8 is what the reference library uses for the plugin's own
 * namespace.
 */
enum cni_error {
	CODE_VERSION = 1,
	CODE_ENVIRONMENT = 4,
	CODE_IO = 5,
	CODE_JSON = 6,
	CODE_CONFIG = 7,
	CODE_OWN_NETNS = 8,
	CODE_TRY_LATER = 11,
	CODE_NOT_AVAILABLE = 50,
};

/* The failure that is printed, unless a command forgets it: DEL does not fail because its agent is away. */
extern struct failure {
	enum cni_error code;
	char message[2048];
} failure;

/* Version in which errors are written: the configuration's, as soon as it is known. */
extern const char *error_version;

/*
 * Records `code` and the message made of the strings that follow; a very long one (a path) is cut. Is FAILED,
 * -1.
 */
#define FAIL(code, ...) fail(code, (const char *const[]){__VA_ARGS__, NULL})

enum outcome fail(enum cni_error code, const char *const *parts);

/* `ENOENT (No such file or directory)`, valid until the next call. */
const char *describe(int error);
