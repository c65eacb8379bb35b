/* The pod's network namespace. */
#include "kernel/netns.h"
#include "kernel/rtnetlink.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_NETNS "/proc/self/ns/net"

/*
 * Opens the namespace that CNI_NETNS names, which must not be our own: the pod's routes would become the
 * host's.
 */
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

enum outcome open_pod(const char *path, struct pod *pod)
{
	const int own = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	if (own == -1) return FAIL(CODE_IO, "Cannot open \"" OWN_NETNS "\": ", describe(errno));
	pod->netns = open_netns(path, own);
	pod->rtnetlink = pod->netns == -1 ? -1 : open_rtnetlink_inside(path, pod->netns, own);
	close(own);
	if (pod->rtnetlink != -1) return OK;
	if (pod->netns != -1) close(pod->netns);
	return FAILED;
}
