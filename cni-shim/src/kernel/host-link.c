/* The host's end of an attachment. */
#include "kernel/host-link.h"
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/*
 * Name of an attachment's host link: "cw" and 13 base32 characters. The hash is the 64-bit FNV-1a (offset
 * basis 0xcbf29ce484222325, prime 0x100000001b3) of the bytes of the container ID, one NUL, and the bytes of
 * the interface name without a NUL at the end. Characters are a-z then 2-7 (RFC 4648, in lower case) and
 * stand for 5 bits each, most significant first: twelve of them for the upper 60 bits; the thirteenth holds
 * the lowest 4 bits, shifted left by one. agent/net/host-link.ts is the same; test/vectors.json binds both.
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

bool is_ours(const struct link *link, const char *kind)
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

enum outcome remove_host_link(const char *container_id, const char *ifname)
{
	char name[IFNAMSIZ];
	host_link_name(container_id, ifname, name);
	const int fd = open_rtnetlink();
	if (fd == -1) return FAILED;
	int error = remove_link(fd, name, "veth");
	if (error == 0) {
		name[1] = 'i';
		error = remove_link(fd, name, "ifb");
	}
	close(fd);
	if (error == 0) return OK;
	return FAIL(CODE_IO, "Cannot delete link \"", name, "\": ", describe(error));
}
