#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One batch of netlink messages and what the kernel answered; or bytes that are sent as they are, and not
 * answered.
 */
struct step {
	int fd;
	bool is_plain;
	unsigned char *batch, *answer;
	size_t size, answer_size, capacity;
	/*
	 * The answer ends with the datagram that brings it to so many bytes, though the kernel has more to say; 0:
	 * it does not. A step that is resumed reads on, and sends nothing.
	 */
	size_t at_least;
	bool is_resumed;
	/*
	 * The sequence ends here unless the answer has one of these bits there, in a number of 32 bits; 0: it
	 * need not.
	 */
	size_t wanted_at;
	uint32_t wanted_bits;
};

/* What has become of a step. */
enum step_result {
	STEP_FAILED = -1, /* with errno */
	STEP_UNDER_WAY,
	STEP_DONE,
	STEP_REFUSED, /* an error is among the answers, or they are not what was wanted; or the peer took no bytes */
};

/*
 * Sends one batch, whose lengths native.ts has checked, and collects its answers. Never gives STEP_UNDER_WAY;
 * *syscall names what failed.
 */
enum step_result run_step(struct step *step, const char **syscall);
