/*
 * Tells at once when a transaction has changed a table of nftables: a line "changed" for each.
 * usage: watch-table TABLE
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "Cannot %s: %s\n", what, strerror(errno));
	return 1;
}

/* The table that an object is in is the first attribute of each message. */
static int is_of(const struct nlmsghdr *message, const char *table)
{
	const struct nlattr *attribute = (const void *)((const char *)NLMSG_DATA(message) + NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	const char *end = (const char *)message + message->nlmsg_len;

	if ((const char *)(attribute + 1) > end || (const char *)attribute + attribute->nla_len > end) return 0;
	return attribute->nla_len == sizeof *attribute + strlen(table) + 1 && strcmp((const char *)(attribute + 1), table) == 0;
}

int main(int count, char **words)
{
	static char buffer[1 << 20] __attribute__((aligned(8)));
	const struct sockaddr_nl all = {.nl_family = AF_NETLINK};
	const int group = NFNLGRP_NFTABLES, room = 64 << 20;
	const int link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int is_touched = 0;

	if (count != 2) return 2;
	if (link < 0 || bind(link, (const struct sockaddr *)&all, sizeof all) != 0 ||
		setsockopt(link, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0 ||
		setsockopt(link, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
		return fail("listen to nftables");
	puts("listening");
	fflush(stdout);
	for (;;) {
		const ssize_t got = recv(link, buffer, sizeof buffer, 0);
		const struct nlmsghdr *message = (const void *)buffer;
		size_t left = (size_t)got;

		if (got < 0) return fail("read notifications");
		for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES) continue;
			if ((message->nlmsg_type & 0xff) != NFT_MSG_NEWGEN) {
				is_touched |= is_of(message, words[1]);
			} else if (is_touched) {
				is_touched = 0;
				puts("changed");
				fflush(stdout);
			}
		}
	}
}
