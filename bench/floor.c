/*
 * The least that an attachment can cost: the same requests that the agent sends for one pod
 * (agent/kernel/pod/pod-requests.ts), from a program that does nothing else. It is run once per pod like a
 * plugin, so starting a process costs it as much as it costs the shim.
 *
 * Input, all in the environment:
 *   CNI_COMMAND   ADD or DEL
 *   CNI_NETNS     path of the pod's network namespace (ADD)
 *   CNI_IFNAME    name of the pod's interface (ADD)
 *   FLOOR_LINK    name of the host's interface
 *   FLOOR_ALIAS   its alias (ADD)
 *   FLOOR_UID_NAME  its name with the pod's UID (ADD)
 *   FLOOR_BRIDGE  index of the bridge
 *   FLOOR_INDEX   index of the host's interface; the pod's is the next one (ADD)
 *   FLOOR_MTU     (ADD)
 *   FLOOR_ADDRESS4, FLOOR_GATEWAY4, FLOOR_ADDRESS6, FLOOR_GATEWAY6    addresses of one family or of both
 *   FLOOR_LINK_LOCAL    what the pod's kernel makes of its MAC, with FLOOR_ADDRESS6
 *   FLOOR_MAC, FLOOR_HOST_MAC, FLOOR_GATEWAY_MAC    MAC addresses (ADD)
 *   FLOOR_IPV6    1 if the kernel has IPv6 (ADD)
 * Exit code 0, or 1 with the reason on stderr.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINK_GROUP = 0x6377, ROUTE_PROTOCOL = 99, POD_ROUTE_PROTOCOL = 98, GEN_MODE_NONE = 1, MAC_LENGTH = 6 };

struct batch {
	_Alignas(NLMSG_ALIGNTO) char bytes[4096];
	size_t length;
	struct nlmsghdr *last;
	unsigned count;
};

static void fail(const char *action, int error)
{
	fprintf(stderr, "Cannot %s: %s\n", action, strerror(error));
	exit(1);
}

static const char *text(const char *name)
{
	const char *value = getenv(name);
	if (value == NULL) {
		fprintf(stderr, "Cannot run: %s is not set\n", name);
		exit(1);
	}
	return value;
}

static unsigned number(const char *name)
{
	return (unsigned)strtoul(text(name), NULL, 10);
}

/* What of a pod's network is there once for each family. */
struct family {
	unsigned char af;
	unsigned char bits;
	const char *address;
	const char *gateway;
	const char *link_local;
	const char *source_set;
};

static const struct family FAMILIES[] = {
	{AF_INET, 32, "FLOOR_ADDRESS4", "FLOOR_GATEWAY4", NULL, "sources4"},
	{AF_INET6, 128, "FLOOR_ADDRESS6", "FLOOR_GATEWAY6", "FLOOR_LINK_LOCAL", "sources6"},
};

/* Families that the pod has no address of are passed over. */
#define FOR_EACH_FAMILY(family) \
	for (const struct family *family = FAMILIES; family < FAMILIES + sizeof FAMILIES / sizeof *FAMILIES; family++) \
		if (getenv(family->address) != NULL)

static void mac(const char *name, unsigned char bytes[MAC_LENGTH])
{
	const char *value = text(name);
	for (int i = 0; i < MAC_LENGTH; i++) bytes[i] = (unsigned char)strtoul(value + 3 * i, NULL, 16);
}

static void *reserve(struct batch *batch, size_t length)
{
	size_t aligned = NLMSG_ALIGN(length);
	if (batch->length + aligned > sizeof batch->bytes) fail("build requests", EMSGSIZE);
	void *place = memset(batch->bytes + batch->length, 0, aligned);
	batch->length += aligned;
	return place;
}

static void grow(struct batch *batch, const void *data, size_t length)
{
	if (length > 0) memcpy(reserve(batch, length), data, length);
	batch->last->nlmsg_len = (unsigned)(batch->bytes + batch->length - (char *)batch->last);
}

static void begin(struct batch *batch, unsigned short type, unsigned short flags, const void *header, size_t length)
{
	batch->last = reserve(batch, sizeof *batch->last);
	batch->last->nlmsg_type = type;
	batch->last->nlmsg_flags = (unsigned short)(flags | NLM_F_REQUEST);
	batch->last->nlmsg_seq = ++batch->count;
	grow(batch, header, length);
}

static void put(struct batch *batch, unsigned short type, const void *data, size_t length)
{
	struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(length), .rta_type = type};
	grow(batch, &attribute, sizeof attribute);
	grow(batch, data, length);
}

static void put_u8(struct batch *batch, unsigned short type, unsigned char value)
{
	put(batch, type, &value, sizeof value);
}

static void put_u32(struct batch *batch, unsigned short type, unsigned value)
{
	put(batch, type, &value, sizeof value);
}

static void put_text(struct batch *batch, unsigned short type, const char *value)
{
	put(batch, type, value, strlen(value) + 1);
}

static void put_mac(struct batch *batch, unsigned short type, const char *name)
{
	unsigned char bytes[MAC_LENGTH];
	mac(name, bytes);
	put(batch, type, bytes, sizeof bytes);
}

static void put_address(struct batch *batch, unsigned short type, const struct family *family, const char *name)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	if (inet_pton(family->af, text(name), bytes) != 1) fail(name, EINVAL);
	put(batch, type, bytes, family->bits / 8);
}

static struct rtattr *open_nest(struct batch *batch, unsigned short type)
{
	struct rtattr *nest = (struct rtattr *)(batch->bytes + batch->length);
	put(batch, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

static void close_nest(struct batch *batch, struct rtattr *nest)
{
	nest->rta_len = (unsigned short)(batch->bytes + batch->length - (char *)nest);
}

static void set_link(struct batch *batch, unsigned index, int up)
{
	struct ifinfomsg header = {.ifi_index = (int)index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = up ? IFF_UP : 0};
	begin(batch, RTM_NEWLINK, 0, &header, sizeof header);
}

static void create_veth(struct batch *batch, unsigned index, int netns)
{
	struct ifinfomsg header = {.ifi_index = (int)index};
	begin(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
	put_text(batch, IFLA_IFNAME, text("FLOOR_LINK"));
	put_mac(batch, IFLA_ADDRESS, "FLOOR_HOST_MAC");
	put_u32(batch, IFLA_MTU, number("FLOOR_MTU"));
	put_u32(batch, IFLA_NUM_TX_QUEUES, 1);
	put_u32(batch, IFLA_NUM_RX_QUEUES, 1);
	put_u32(batch, IFLA_MASTER, number("FLOOR_BRIDGE"));
	put_u32(batch, IFLA_GROUP, LINK_GROUP);
	struct rtattr *info = open_nest(batch, IFLA_LINKINFO);
	put_text(batch, IFLA_INFO_KIND, "veth");
	struct rtattr *data = open_nest(batch, IFLA_INFO_DATA);
	struct rtattr *peer = open_nest(batch, VETH_INFO_PEER);
	header.ifi_index += 1;
	grow(batch, &header, sizeof header);
	put_text(batch, IFLA_IFNAME, text("CNI_IFNAME"));
	put_mac(batch, IFLA_ADDRESS, "FLOOR_MAC");
	put_u32(batch, IFLA_MTU, number("FLOOR_MTU"));
	put_u32(batch, IFLA_NUM_TX_QUEUES, 1);
	put_u32(batch, IFLA_NUM_RX_QUEUES, 1);
	put_u32(batch, IFLA_NET_NS_FD, (unsigned)netns);
	close_nest(batch, peer);
	close_nest(batch, data);
	close_nest(batch, info);
}

static void set_host_end(struct batch *batch, unsigned index)
{
	static const unsigned short off[] = {
		IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD};
	set_link(batch, index, 0);
	put(batch, IFLA_IFALIAS, text("FLOOR_ALIAS"), strlen(text("FLOOR_ALIAS")));
	struct rtattr *info = open_nest(batch, IFLA_LINKINFO);
	put_text(batch, IFLA_INFO_SLAVE_KIND, "bridge");
	struct rtattr *port = open_nest(batch, IFLA_INFO_SLAVE_DATA);
	put_u8(batch, IFLA_BRPORT_ISOLATED, 0);
	put_u8(batch, IFLA_BRPORT_MODE, 1);
	for (size_t i = 0; i < sizeof off / sizeof *off; i++) put_u8(batch, off[i], 0);
	close_nest(batch, port);
	close_nest(batch, info);
	if (number("FLOOR_IPV6") == 0) return;
	struct rtattr *families = open_nest(batch, IFLA_AF_SPEC);
	struct rtattr *ipv6 = open_nest(batch, AF_INET6);
	put_u8(batch, IFLA_INET6_ADDR_GEN_MODE, GEN_MODE_NONE);
	close_nest(batch, ipv6);
	close_nest(batch, families);
}

/* The pod's UID and the link's birth, as agent/plan/pods has them. */
static void add_names(struct batch *batch, unsigned index)
{
	struct ifinfomsg header = {.ifi_index = (int)index};
	struct timespec now;
	char name[128];
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(name, sizeof name, "%s.since.%012lld", text("FLOOR_LINK"), (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	begin(batch, RTM_NEWLINKPROP, 0, &header, sizeof header);
	struct rtattr *names = open_nest(batch, IFLA_PROP_LIST);
	put_text(batch, IFLA_ALT_IFNAME, text("FLOOR_UID_NAME"));
	put_text(batch, IFLA_ALT_IFNAME, name);
	close_nest(batch, names);
}

static void set_neighbour(struct batch *batch, unsigned index, const struct family *family, const char *address, const char *mac_name)
{
	struct ndmsg header = {.ndm_family = family->af, .ndm_ifindex = (int)index, .ndm_state = NUD_PERMANENT};
	begin(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
	put_address(batch, NDA_DST, family, address);
	put_mac(batch, NDA_LLADDR, mac_name);
}

static void set_fdb_entry(struct batch *batch, unsigned index)
{
	struct ndmsg header = {.ndm_family = AF_BRIDGE, .ndm_ifindex = (int)index, .ndm_state = NUD_NOARP, .ndm_flags = NTF_MASTER};
	begin(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
	put_mac(batch, NDA_LLADDR, "FLOOR_MAC");
}

/* As long as the kernel has not seen a link's carrier, which it does when it is asked, packets are lost. */
static void ask_link(struct batch *batch, unsigned index)
{
	struct ifinfomsg header = {.ifi_index = (int)index};
	begin(batch, RTM_GETLINK, 0, &header, sizeof header);
	put_u32(batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

static void add_address(struct batch *batch, unsigned index, const struct family *family)
{
	struct ifaddrmsg header = {.ifa_family = family->af, .ifa_prefixlen = family->bits, .ifa_index = index};
	begin(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
	put_address(batch, IFA_LOCAL, family, family->address);
	put_address(batch, IFA_ADDRESS, family, family->address);
	put_u32(batch, IFA_FLAGS, IFA_F_NODAD);
}

static void add_route(struct batch *batch, unsigned index, const struct family *family, int is_default)
{
	struct rtmsg header = {.rtm_family = family->af,
		.rtm_dst_len = is_default ? 0 : family->bits,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = ROUTE_PROTOCOL,
		.rtm_scope = is_default ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST};
	begin(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
	put_u32(batch, RTA_TABLE, RT_TABLE_MAIN);
	put_address(batch, is_default ? RTA_GATEWAY : RTA_DST, family, family->gateway);
	put_u32(batch, RTA_OIF, index);
}

/* The host's way to the pod. */
static void set_pod_route(struct batch *batch, unsigned bridge, const struct family *family)
{
	struct rtmsg header = {.rtm_family = family->af,
		.rtm_dst_len = family->bits,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = POD_ROUTE_PROTOCOL,
		.rtm_scope = RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST};
	begin(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
	put_u32(batch, RTA_TABLE, RT_TABLE_MAIN);
	put_address(batch, RTA_DST, family, family->address);
	put_u32(batch, RTA_OIF, bridge);
}

static int open_netlink(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0) fail("open netlink", errno);
	return fd;
}

static void begin_nft(struct batch *batch, unsigned short type, unsigned short flags, unsigned char family, unsigned short id)
{
	struct nfgenmsg header = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(id)};
	begin(batch, type, flags, &header, sizeof header);
}

/* The host's interface and an address that its pod may send from. */
static void put_source(struct batch *batch, const struct family *family, const char *address)
{
	unsigned char key[IFNAMSIZ + sizeof(struct in6_addr)] = {0};
	memcpy(key, text("FLOOR_LINK"), strlen(text("FLOOR_LINK")));
	if (inet_pton(family->af, text(address), key + IFNAMSIZ) != 1) fail(address, EINVAL);
	struct rtattr *element = open_nest(batch, NFTA_LIST_ELEM);
	struct rtattr *value = open_nest(batch, NFTA_SET_ELEM_KEY);
	put(batch, NFTA_DATA_VALUE, key, IFNAMSIZ + family->bits / 8);
	close_nest(batch, value);
	close_nest(batch, element);
}

/* One transaction of nftables; its last element's message is the one that is acknowledged. */
static void change_sources(struct batch *batch, unsigned short type, unsigned short flags)
{
	begin_nft(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	FOR_EACH_FAMILY(family) {
		begin_nft(batch, (unsigned short)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, NFPROTO_BRIDGE, 0);
		put_text(batch, NFTA_SET_ELEM_LIST_TABLE, "causeway");
		put_text(batch, NFTA_SET_ELEM_LIST_SET, family->source_set);
		struct rtattr *list = open_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
		put_source(batch, family, family->address);
		if (family->link_local != NULL) put_source(batch, family, family->link_local);
		close_nest(batch, list);
	}
	struct nlmsghdr *last = batch->last;
	begin_nft(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	batch->last->nlmsg_seq = --batch->count;
	batch->last = last;
}

/*
 * Sends a batch and waits for the acknowledgement of its last request; an earlier one is only answered if it
 * fails.
 */
static void apply(int fd, struct batch *batch, const char *action)
{
	_Alignas(NLMSG_ALIGNTO) static char answers[32768];
	batch->last->nlmsg_flags |= NLM_F_ACK;
	bool done = false;
	if (send(fd, batch->bytes, batch->length, 0) != (ssize_t)batch->length) fail(action, errno);
	while (!done) {
		ssize_t got = recv(fd, answers, sizeof answers, 0);
		if (got < 0) fail(action, errno);
		unsigned left = (unsigned)got;
		for (struct nlmsghdr *m = (struct nlmsghdr *)answers; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			if (m->nlmsg_type != NLMSG_ERROR) continue;
			const struct nlmsgerr *answer = NLMSG_DATA(m);
			if (answer->error != 0) fail(action, -answer->error);
			done = m->nlmsg_seq == batch->count;
		}
	}
	*batch = (struct batch){.length = 0};
}

static void add(int host, struct batch *batch)
{
	unsigned index = number("FLOOR_INDEX"), pod_index = index + 1;
	int netns = open(text("CNI_NETNS"), O_RDONLY | O_CLOEXEC);
	if (netns < 0) fail("open the pod's network namespace", errno);
	change_sources(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
	apply(open_netlink(NETLINK_NETFILTER), batch, "add the sources");
	create_veth(batch, index, netns);
	apply(host, batch, "create the veth");
	set_host_end(batch, index);
	add_names(batch, index);
	set_link(batch, index, 1);
	set_fdb_entry(batch, index);
	FOR_EACH_FAMILY(family) {
		set_neighbour(batch, number("FLOOR_BRIDGE"), family, family->address, "FLOOR_MAC");
		set_pod_route(batch, number("FLOOR_BRIDGE"), family);
	}
	apply(host, batch, "set up the host end");
	if (setns(netns, CLONE_NEWNET) != 0) fail("enter the pod's network namespace", errno);
	int pod = open_netlink(NETLINK_ROUTE);
	FOR_EACH_FAMILY(family) add_address(batch, pod_index, family);
	set_link(batch, pod_index, 1);
	FOR_EACH_FAMILY(family) set_neighbour(batch, pod_index, family, family->gateway, "FLOOR_GATEWAY_MAC");
	apply(pod, batch, "set up the pod's end");
	FOR_EACH_FAMILY(family) {
		add_route(batch, pod_index, family, 0);
		add_route(batch, pod_index, family, 1);
	}
	apply(pod, batch, "add the pod's routes");
	ask_link(batch, index);
	apply(host, batch, "ask about the host's link");
}

static void delete (int host, struct batch *batch)
{
	struct ifinfomsg link = {.ifi_index = 0};
	FOR_EACH_FAMILY(family) {
		struct rtmsg route = {.rtm_family = family->af,
			.rtm_dst_len = family->bits,
			.rtm_table = RT_TABLE_MAIN,
			.rtm_protocol = POD_ROUTE_PROTOCOL,
			.rtm_scope = RT_SCOPE_NOWHERE};
		struct ndmsg neighbour = {.ndm_family = family->af, .ndm_ifindex = (int)number("FLOOR_BRIDGE")};
		begin(batch, RTM_DELROUTE, 0, &route, sizeof route);
		put_address(batch, RTA_DST, family, family->address);
		put_u32(batch, RTA_OIF, number("FLOOR_BRIDGE"));
		begin(batch, RTM_DELNEIGH, 0, &neighbour, sizeof neighbour);
		put_address(batch, NDA_DST, family, family->address);
	}
	begin(batch, RTM_DELLINK, 0, &link, sizeof link);
	put_text(batch, IFLA_IFNAME, text("FLOOR_LINK"));
	apply(host, batch, "delete the attachment");
	change_sources(batch, NFT_MSG_DELSETELEM, 0);
	apply(open_netlink(NETLINK_NETFILTER), batch, "delete the sources");
}

int main(void)
{
	static struct batch batch;
	int host = open_netlink(NETLINK_ROUTE);
	if (strcmp(text("CNI_COMMAND"), "ADD") == 0)
		add(host, &batch);
	else
		delete (host, &batch);
	return 0;
}
