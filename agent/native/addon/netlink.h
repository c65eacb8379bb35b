#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One batch of netlink messages and what the kernel answered. */
struct step {
	int fd;
	unsigned char *batch, *answer;
	size_t size, answer_size, capacity;
};

/* What has become of a step. */
enum step_result {
	STEP_FAILED = -1, /* with errno */
	STEP_UNDER_WAY,
	STEP_DONE,
	STEP_REFUSED, /* an error is among the answers */
};

/*
 * Sends one batch, whose lengths native.ts has checked, and collects its answers. Never gives STEP_UNDER_WAY;
 * *syscall names what failed.
 */
enum step_result run_step(struct step *step, const char **syscall);
