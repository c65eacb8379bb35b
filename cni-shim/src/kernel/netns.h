#pragma once

#include "lib/failure.h"

/* The pod's descriptors, in the order in which a frame carries them. */
struct pod {
	int netns;
	int rtnetlink;
};

/*
 * Opens both in the namespace at `path`, which must not be our own: the pod's routes would become the host's.
 */
enum outcome open_pod(const char *path, struct pod *pod);
