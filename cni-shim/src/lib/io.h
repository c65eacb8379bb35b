#pragma once

#include "lib/failure.h"
#include <stddef.h>
#include <stdint.h>

/* Of a clock that only runs forward. */
int64_t now_ns(void);
int64_t now_ms(void);

#define NEVER INT64_MAX

/*
 * Waits until `fd` is ready for `events`. Fails with errno, ETIMEDOUT when `deadline_ms` of now_ms() has
 * passed.
 */
enum outcome wait_for(int fd, short events, int64_t deadline_ms);

/*
 * Reads to the end. Fails with errno, EFBIG when `capacity` bytes were not enough; *length counts what was
 * read even then.
 */
enum outcome read_to_end(int fd, unsigned char *buffer, size_t capacity, size_t *length);

/* Writes everything. Fails with errno. */
enum outcome write_all(int fd, const void *bytes, size_t length);

/*
 * A runtime may start us with a standard stream closed; then the next open() would give its number to the
 * agent's socket, and an error would be printed into that. A path-only descriptor takes the place: reading
 * and writing it fail as if it were closed.
 */
enum outcome keep_standard_streams(void);
