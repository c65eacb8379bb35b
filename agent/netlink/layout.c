/*
 * The messages of layout.test.ts, built with the kernel's own structures and macros. One line each: name and
 * bytes in hexadecimal. It is put behind a generated part (includes; print_constants) and compiled by the
 * test.
 */
#include <arpa/inet.h>
#include <string.h>

static union {
	struct nlmsghdr header;
	unsigned char bytes[1024];
} message;

static void *begin(int type, int flags, size_t size)
{
	memset(&message, 0, sizeof message);
	message.header.nlmsg_len = NLMSG_LENGTH(size);
	message.header.nlmsg_type = (unsigned short)type;
	message.header.nlmsg_flags = (unsigned short)(flags | NLM_F_REQUEST);
	message.header.nlmsg_seq = 7;
	return NLMSG_DATA(&message.header);
}

static struct rtattr *put(int type, const void *data, size_t size)
{
	struct rtattr *attribute = (struct rtattr *)(message.bytes + NLMSG_ALIGN(message.header.nlmsg_len));
	attribute->rta_type = (unsigned short)type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(size);
	if (size > 0) memcpy(RTA_DATA(attribute), data, size);
	message.header.nlmsg_len = (unsigned)(NLMSG_ALIGN(message.header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
	return attribute;
}

static void put_u8(int type, unsigned char value)
{
	put(type, &value, sizeof value);
}

static void put_u32(int type, unsigned value)
{
	put(type, &value, sizeof value);
}

static void put_text(int type, const char *text)
{
	put(type, text, strlen(text) + 1);
}

static void put_address(int type, int family, const char *text)
{
	unsigned char bytes[16];
	if (inet_pton(family, text, bytes) != 1) abort();
	put(type, bytes, family == AF_INET ? 4 : 16);
}

static struct rtattr *open_nest(int type)
{
	return put(type | NLA_F_NESTED, NULL, 0);
}

static void close_nest(struct rtattr *nest)
{
	nest->rta_len = (unsigned short)(message.bytes + message.header.nlmsg_len - (unsigned char *)nest);
}

static void print_bytes(void)
{
	for (unsigned i = 0; i < message.header.nlmsg_len; i++) printf("%02x", message.bytes[i]);
}

static void end(const char *name)
{
	printf("message %s ", name);
	print_bytes();
	printf("\n");
}

static const unsigned char HOST_MAC[6] = {0xfa, 0x58, 0x0a, 0xf4, 1, 7}, POD_MAC[6] = {0x0a, 0x58, 0x0a, 0xf4, 1, 7};

static void veth(void)
{
	struct ifinfomsg *link = begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *link);
	link->ifi_index = 42;
	put_text(IFLA_IFNAME, "cwhost");
	put(IFLA_ADDRESS, HOST_MAC, 6);
	put_u32(IFLA_MTU, 1450);
	put_u32(IFLA_NUM_TX_QUEUES, 1);
	put_u32(IFLA_NUM_RX_QUEUES, 1);
	put_u8(IFLA_OPERSTATE, 5); // IF_OPER_DORMANT of linux/if.h, which net/if.h excludes
	put_u32(IFLA_MASTER, 3);
	put_u32(IFLA_GROUP, 99);
	struct rtattr *info = open_nest(IFLA_LINKINFO);
	put_text(IFLA_INFO_KIND, "veth");
	struct rtattr *data = open_nest(IFLA_INFO_DATA), *peer = open_nest(VETH_INFO_PEER);
	struct ifinfomsg pod = {.ifi_index = 43, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	memcpy(message.bytes + message.header.nlmsg_len, &pod, sizeof pod);
	message.header.nlmsg_len += sizeof pod;
	put_text(IFLA_IFNAME, "eth0");
	put(IFLA_ADDRESS, POD_MAC, 6);
	put_u32(IFLA_MTU, 1450);
	put_u32(IFLA_NUM_TX_QUEUES, 1);
	put_u32(IFLA_NUM_RX_QUEUES, 1);
	put_u32(IFLA_NET_NS_FD, 20);
	close_nest(peer);
	close_nest(data);
	close_nest(info);
	end("veth");
}

static void bridge(void)
{
	begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	put_text(IFLA_IFNAME, "cw0");
	put(IFLA_ADDRESS, HOST_MAC, 6);
	put_u32(IFLA_MTU, 1500);
	struct rtattr *info = open_nest(IFLA_LINKINFO);
	put_text(IFLA_INFO_KIND, "bridge");
	struct rtattr *data = open_nest(IFLA_INFO_DATA);
	put_u32(IFLA_BR_STP_STATE, 0);
	put_u32(IFLA_BR_FORWARD_DELAY, 0);
	put_u8(IFLA_BR_MCAST_SNOOPING, 0);
	put_u32(IFLA_BR_AGEING_TIME, 30000);
	close_nest(data);
	close_nest(info);
	end("bridge");
}

static void vxlan(void)
{
	begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	put_text(IFLA_IFNAME, "cw-vx");
	put(IFLA_ADDRESS, HOST_MAC, 6);
	put_u32(IFLA_MTU, 1450);
	put_u32(IFLA_GROUP, 99);
	struct rtattr *info = open_nest(IFLA_LINKINFO);
	put_text(IFLA_INFO_KIND, "vxlan");
	struct rtattr *data = open_nest(IFLA_INFO_DATA);
	put_u32(IFLA_VXLAN_ID, 4096);
	put_address(IFLA_VXLAN_LOCAL, AF_INET, "192.0.2.1");
	put_u8(IFLA_VXLAN_LEARNING, 0);
	unsigned short udp_port = htons(4789);
	put(IFLA_VXLAN_PORT, &udp_port, sizeof udp_port);
	close_nest(data);
	close_nest(info);
	end("vxlan");
}

static void port(void)
{
	struct ifinfomsg *link = begin(RTM_NEWLINK, NLM_F_ACK, sizeof *link);
	link->ifi_index = 42;
	link->ifi_flags = link->ifi_change = IFF_UP;
	put(IFLA_IFALIAS, "hello", 5);
	struct rtattr *info = open_nest(IFLA_LINKINFO);
	put_text(IFLA_INFO_SLAVE_KIND, "bridge");
	struct rtattr *data = open_nest(IFLA_INFO_SLAVE_DATA);
	put_u8(IFLA_BRPORT_ISOLATED, 1);
	put_u8(IFLA_BRPORT_LEARNING, 0);
	put_u8(IFLA_BRPORT_UNICAST_FLOOD, 0);
	put_u8(IFLA_BRPORT_MCAST_FLOOD, 0);
	put_u8(IFLA_BRPORT_BCAST_FLOOD, 0);
	put_u8(IFLA_BRPORT_MODE, 1);
	put_u8(IFLA_BRPORT_NEIGH_SUPPRESS, 1);
	close_nest(data);
	close_nest(info);
	struct rtattr *families = open_nest(IFLA_AF_SPEC), *inet = open_nest(AF_INET), *conf = open_nest(IFLA_INET_CONF);
	put_u32(IPV4_DEVCONF_FORWARDING, 1);
	put_u32(IPV4_DEVCONF_RP_FILTER, 2);
	close_nest(conf);
	close_nest(inet);
	struct rtattr *inet6 = open_nest(AF_INET6);
	put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	close_nest(inet6);
	close_nest(families);
	end("port");
}

static void links(void)
{
	begin(RTM_DELLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	put_u32(IFLA_GROUP, 99);
	end("deleteGroup");
	begin(RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	put_u32(IFLA_MASTER, 3);
	struct rtattr *info = open_nest(IFLA_LINKINFO);
	put_text(IFLA_INFO_KIND, "veth");
	close_nest(info);
	end("dumpLinks");
}

static void address(void)
{
	struct ifaddrmsg *spec = begin(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *spec);
	*spec = (struct ifaddrmsg){.ifa_family = AF_INET6, .ifa_prefixlen = 128, .ifa_scope = RT_SCOPE_LINK, .ifa_index = 42};
	put_address(IFA_LOCAL, AF_INET6, "fd00::7");
	put_address(IFA_ADDRESS, AF_INET6, "fd00::7");
	put_u32(IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
	struct ifa_cacheinfo lifetimes = {.ifa_prefered = 0, .ifa_valid = 0xffffffff};
	put(IFA_CACHEINFO, &lifetimes, sizeof lifetimes);
	put_u8(IFA_PROTO, 99);
	end("address");
}

static void route(void)
{
	struct rtmsg *spec = begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof *spec);
	*spec = (struct rtmsg){.rtm_family = AF_INET,
		.rtm_dst_len = 24,
		.rtm_table = RT_TABLE_COMPAT,
		.rtm_protocol = 99,
		.rtm_scope = RT_SCOPE_SITE,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = RTNH_F_ONLINK};
	put_u32(RTA_TABLE, 1000);
	put_address(RTA_DST, AF_INET, "10.244.2.0");
	put_address(RTA_GATEWAY, AF_INET, "192.0.2.7");
	put_u32(RTA_OIF, 42);
	put_address(RTA_PREFSRC, AF_INET, "192.0.2.1");
	put_u32(RTA_PRIORITY, 50);
	struct rtattr *metrics = open_nest(RTA_METRICS);
	put_u32(RTAX_MTU, 1400);
	close_nest(metrics);
	end("route");
	spec = begin(RTM_GETROUTE, NLM_F_DUMP, sizeof *spec);
	*spec = (struct rtmsg){.rtm_family = AF_INET6, .rtm_protocol = 99};
	put_u32(RTA_TABLE, RT_TABLE_MAIN);
	put_u32(RTA_OIF, 42);
	end("dumpRoutes");
	spec = begin(RTM_GETROUTE, NLM_F_ACK, sizeof *spec);
	*spec = (struct rtmsg){.rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_src_len = 32, .rtm_flags = RTM_F_FIB_MATCH};
	put_address(RTA_DST, AF_INET, "10.244.2.7");
	put_address(RTA_SRC, AF_INET, "10.244.1.5");
	put_u32(RTA_IIF, 3);
	end("getRoute");
	struct fib_rule_hdr *rule = begin(RTM_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *rule);
	*rule = (struct fib_rule_hdr){.family = AF_INET, .src_len = 32, .action = FR_ACT_TO_TBL};
	put_address(FRA_SRC, AF_INET, "10.244.1.7");
	put_u32(FRA_TABLE, 1000003);
	put_u32(FRA_PRIORITY, 25463);
	put_u8(FRA_PROTOCOL, 99);
	end("rule");
	rule = begin(RTM_GETRULE, NLM_F_DUMP, sizeof *rule);
	*rule = (struct fib_rule_hdr){.family = AF_INET6};
	end("dumpRules");
}

static void neighbours(void)
{
	struct ndmsg *entry = begin(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof *entry);
	*entry = (struct ndmsg){.ndm_family = AF_INET, .ndm_ifindex = 3, .ndm_state = NUD_PERMANENT};
	put_address(NDA_DST, AF_INET, "10.244.1.7");
	put(NDA_LLADDR, POD_MAC, 6);
	end("neighbour");
	entry = begin(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *entry);
	*entry = (struct ndmsg){.ndm_family = AF_BRIDGE, .ndm_ifindex = 42, .ndm_state = NUD_NOARP, .ndm_flags = NTF_MASTER};
	put(NDA_LLADDR, POD_MAC, 6);
	end("fdbMaster");
	entry = begin(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *entry);
	*entry = (struct ndmsg){.ndm_family = AF_BRIDGE, .ndm_ifindex = 42, .ndm_state = NUD_PERMANENT, .ndm_flags = NTF_SELF};
	put(NDA_LLADDR, POD_MAC, 6);
	put_address(NDA_DST, AF_INET6, "fd00::9");
	end("fdbSelf");
	begin(RTM_GETNEIGH, NLM_F_DUMP, sizeof *entry);
	((struct ndmsg *)NLMSG_DATA(&message.header))->ndm_family = AF_BRIDGE;
	put_u32(NDA_IFINDEX, 42);
	put_u32(NDA_MASTER, 3);
	end("dumpFdb");
	entry = begin(RTM_GETNEIGH, NLM_F_ACK, sizeof *entry);
	*entry = (struct ndmsg){.ndm_family = AF_BRIDGE, .ndm_ifindex = 42, .ndm_flags = NTF_SELF};
	put(NDA_LLADDR, POD_MAC, 6);
	end("getFdbSelf");
	entry = begin(RTM_GETNEIGH, NLM_F_ACK, sizeof *entry);
	*entry = (struct ndmsg){.ndm_family = AF_BRIDGE, .ndm_flags = NTF_MASTER};
	put(NDA_LLADDR, POD_MAC, 6);
	put_u32(NDA_MASTER, 3);
	end("getFdbMaster");
}

static void shaping(void)
{
	struct ifinfomsg *link = begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *link);
	link->ifi_index = 44;
	put_text(IFLA_IFNAME, "cihost");
	put_u32(IFLA_MTU, 1450);
	put_u32(IFLA_GROUP, 99);
	struct rtattr *info = open_nest(IFLA_LINKINFO);
	put_text(IFLA_INFO_KIND, "ifb");
	close_nest(info);
	end("ifb");

	struct tcmsg *qdisc = begin(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof *qdisc);
	*qdisc = (struct tcmsg){.tcm_ifindex = 44, .tcm_handle = 0x10000, .tcm_parent = TC_H_ROOT};
	put_text(TCA_KIND, "tbf");
	struct rtattr *options = open_nest(TCA_OPTIONS);
	struct tc_tbf_qopt tbf = {.rate = {.linklayer = TC_LINKLAYER_ETHERNET, .rate = 0xffffffff}, .limit = 70000};
	put(TCA_TBF_PARMS, &tbf, sizeof tbf);
	put_u32(TCA_TBF_BURST, 20000);
	__u64 rate = 12500000000;
	put(TCA_TBF_RATE64, &rate, sizeof rate);
	close_nest(options);
	end("tbf");

	qdisc = begin(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE, sizeof *qdisc);
	*qdisc = (struct tcmsg){.tcm_ifindex = 42, .tcm_handle = 0xffff0000, .tcm_parent = TC_H_INGRESS};
	put_text(TCA_KIND, "ingress");
	end("ingress");

	struct tcmsg *filter = begin(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *filter);
	*filter = (struct tcmsg){.tcm_ifindex = 42, .tcm_parent = 0xffff0000, .tcm_info = TC_H_MAKE(1 << 16, htons(ETH_P_ALL))};
	put_text(TCA_KIND, "u32");
	options = open_nest(TCA_OPTIONS);

	struct {
		struct tc_u32_sel head;
		struct tc_u32_key key;
	} selector = {.head = {.flags = TC_U32_TERMINAL, .nkeys = 1}};

	put(TCA_U32_SEL, &selector, sizeof selector);
	struct rtattr *actions = open_nest(TCA_U32_ACT), *action = open_nest(1);
	put_text(TCA_ACT_KIND, "mirred");
	struct rtattr *settings = open_nest(TCA_ACT_OPTIONS);
	struct tc_mirred mirred = {.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = 44};
	put(TCA_MIRRED_PARMS, &mirred, sizeof mirred);
	close_nest(settings);
	close_nest(action);
	close_nest(actions);
	close_nest(options);
	end("redirect");
}

static void trials(void)
{
	begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	put_u32(IFLA_NUM_TX_QUEUES, 0);
	struct rtattr *info = open_nest(IFLA_LINKINFO);
	put_text(IFLA_INFO_KIND, "vxlan");
	close_nest(info);
	end("tryLinkKind");

	struct tcmsg *qdisc = begin(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *qdisc);
	*qdisc = (struct tcmsg){.tcm_ifindex = 1, .tcm_parent = TC_H_ROOT};
	put_text(TCA_KIND, "tbf");
	put_u32(TCA_INGRESS_BLOCK, 0);
	end("tryQdisc");

	begin(RTM_NEWACTION, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct tcamsg));
	struct rtattr *actions = open_nest(TCA_ACT_TAB), *action = open_nest(1);
	put_text(TCA_ACT_KIND, "mirred");
	close_nest(action);
	close_nest(actions);
	end("tryAction");

	__u32 *flags = begin(XFRM_MSG_GETSPDINFO, NLM_F_ACK, sizeof *flags);
	*flags = 0;
	end("countPolicies");
}

static void names(void)
{
	struct ifinfomsg *link = begin(RTM_NEWLINKPROP, NLM_F_ACK, sizeof *link);
	link->ifi_index = 42;
	struct rtattr *list = open_nest(IFLA_PROP_LIST);
	put_text(IFLA_ALT_IFNAME, "cwhost.tcp.8080.80");
	put_text(IFLA_ALT_IFNAME, "cwhost.in.1000000.8000");
	close_nest(list);
	end("altNames");
}

static void begin_nfnetlink(int type, int flags, int family, int resource)
{
	struct nfgenmsg *head = begin(type, flags, sizeof *head);
	*head = (struct nfgenmsg){.nfgen_family = (unsigned char)family, .res_id = htons((unsigned short)resource)};
}

static void elements(void)
{
	const unsigned char key[12] = {192, 0, 2, 1, IPPROTO_TCP, 0, 0, 0, 8080 >> 8, 8080 & 255};
	const unsigned char value[8] = {10, 244, 1, 7, 0, 80};
	const char comment[] = {0, 3, 'c', '1', 0};
	begin_nfnetlink(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	printf("message elements ");
	print_bytes();
	begin_nfnetlink(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, NFPROTO_INET, 0);
	put_text(NFTA_SET_ELEM_LIST_TABLE, "causeway");
	put_text(NFTA_SET_ELEM_LIST_SET, "addressports4");
	struct rtattr *list = open_nest(NFTA_SET_ELEM_LIST_ELEMENTS), *element = open_nest(NFTA_LIST_ELEM);
	struct rtattr *nest = open_nest(NFTA_SET_ELEM_KEY);
	put(NFTA_DATA_VALUE, key, sizeof key);
	close_nest(nest);
	nest = open_nest(NFTA_SET_ELEM_DATA);
	put(NFTA_DATA_VALUE, value, sizeof value);
	close_nest(nest);
	put(NFTA_SET_ELEM_USERDATA, comment, sizeof comment);
	close_nest(element);
	close_nest(list);
	print_bytes();
	begin_nfnetlink(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	print_bytes();
	printf("\n");
}

static void put_be32(int type, unsigned value)
{
	put_u32(type, htonl(value));
}

static void put_be64(int type, unsigned value)
{
	const unsigned halves[2] = {0, htonl(value)};
	put(type, halves, sizeof halves);
}

static void put_be16(int type, unsigned short value)
{
	const unsigned short bytes = htons(value);
	put(type, &bytes, sizeof bytes);
}

static void begin_nft(int message, int flags)
{
	begin_nfnetlink(NFNL_SUBSYS_NFTABLES << 8 | message, flags, NFPROTO_INET, 0);
}

static void put_value(int type, const void *value, size_t size)
{
	struct rtattr *nest = open_nest(type);
	put(NFTA_DATA_VALUE, value, size);
	close_nest(nest);
}

static void put_verdict(int type, int code, const char *chain)
{
	struct rtattr *nest = open_nest(type), *verdict = open_nest(NFTA_DATA_VERDICT);
	put_be32(NFTA_VERDICT_CODE, (unsigned)code);
	if (chain != NULL) put_text(NFTA_VERDICT_CHAIN, chain);
	close_nest(verdict);
	close_nest(nest);
}

static void open_elements(int message, int flags, const char *set, struct rtattr **list)
{
	begin_nft(message, flags);
	put_text(NFTA_SET_ELEM_LIST_TABLE, "t");
	put_text(NFTA_SET_ELEM_LIST_SET, set);
	*list = open_nest(NFTA_SET_ELEM_LIST_ELEMENTS);
}

static struct rtattr *element_nest, *expression_nest;

static void open_expression(const char *name)
{
	element_nest = open_nest(NFTA_LIST_ELEM);
	put_text(NFTA_EXPR_NAME, name);
	expression_nest = open_nest(NFTA_EXPR_DATA);
}

static void close_expression(void)
{
	close_nest(expression_nest);
	close_nest(element_nest);
}

static void declarations(void)
{
	begin_nft(NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_text(NFTA_TABLE_NAME, "t");
	print_bytes();
	begin_nft(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	put_text(NFTA_CHAIN_TABLE, "t");
	put_text(NFTA_CHAIN_NAME, "regular");
	print_bytes();
	begin_nft(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	put_text(NFTA_CHAIN_TABLE, "t");
	put_text(NFTA_CHAIN_NAME, "base");
	struct rtattr *hook = open_nest(NFTA_CHAIN_HOOK);
	put_be32(NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
	put_be32(NFTA_HOOK_PRIORITY, (unsigned)-90);
	close_nest(hook);
	put_text(NFTA_CHAIN_TYPE, "filter");
	put_be32(NFTA_CHAIN_POLICY, NF_ACCEPT);
	print_bytes();
	begin_nft(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	put_text(NFTA_SET_TABLE, "t");
	put_text(NFTA_SET_NAME, "ranges");
	put_be32(NFTA_SET_FLAGS, NFT_SET_INTERVAL | NFT_SET_CONCAT);
	put_be32(NFTA_SET_KEY_TYPE, 7 << 12 | 12 << 6 | 13); /* include/datatype.h of nftables */
	put_be32(NFTA_SET_KEY_LEN, 12);
	struct rtattr *description = open_nest(NFTA_SET_DESC), *fields = open_nest(NFTA_SET_DESC_CONCAT);
	for (unsigned length = 4; length > 0; length = length == 4 ? 1 : length == 1 ? 2 : 0) {
		struct rtattr *field = open_nest(NFTA_LIST_ELEM);
		put_be32(NFTA_SET_FIELD_LEN, length);
		close_nest(field);
	}
	close_nest(fields);
	close_nest(description);
	put_be32(NFTA_SET_ID, 1);
	print_bytes();
	begin_nft(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	put_text(NFTA_SET_TABLE, "t");
	put_text(NFTA_SET_NAME, "map");
	put_be32(NFTA_SET_FLAGS, NFT_SET_MAP);
	put_be32(NFTA_SET_KEY_TYPE, 8);
	put_be32(NFTA_SET_KEY_LEN, 16);
	put_be32(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
	put_be32(NFTA_SET_ID, 2);
	print_bytes();
}

static void set_elements(void)
{
	const unsigned char first[12] = {10, 0, 0, 0, IPPROTO_TCP, 0, 0, 0, 80 >> 8, 80 & 255};
	const unsigned char last[12] = {10, 0, 0, 255, IPPROTO_TCP, 0, 0, 0, 90 >> 8, 90 & 255};
	const unsigned char address[4] = {10, 0, 0, 1}, behind[4] = {10, 0, 1, 0};
	struct rtattr *list;
	open_elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, "ranges", &list);
	struct rtattr *element = open_nest(NFTA_LIST_ELEM);
	put_value(NFTA_SET_ELEM_KEY, first, sizeof first);
	put_value(NFTA_SET_ELEM_KEY_END, last, sizeof last);
	close_nest(element);
	close_nest(list);
	print_bytes();
	open_elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, "map", &list);
	element = open_nest(NFTA_LIST_ELEM);
	put_value(NFTA_SET_ELEM_KEY, address, sizeof address);
	put_verdict(NFTA_SET_ELEM_DATA, NFT_JUMP, "regular");
	close_nest(element);
	close_nest(list);
	print_bytes();
	open_elements(NFT_MSG_DELSETELEM, 0, "spans", &list);
	element = open_nest(NFTA_LIST_ELEM);
	put_value(NFTA_SET_ELEM_KEY, behind, sizeof behind);
	put_be32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	close_nest(element);
	close_nest(list);
	print_bytes();
}

static void loads(void)
{
	open_expression("meta");
	put_be32(NFTA_META_DREG, NFT_REG32_01);
	put_be32(NFTA_META_KEY, NFT_META_L4PROTO);
	close_expression();
	open_expression("ct");
	put_be32(NFTA_CT_DREG, NFT_REG32_00);
	put_be32(NFTA_CT_KEY, NFT_CT_MARK);
	close_expression();
	open_expression("fib");
	put_be32(NFTA_FIB_DREG, NFT_REG32_00);
	put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_SADDR);
	close_expression();
	open_expression("payload");
	put_be32(NFTA_PAYLOAD_DREG, NFT_REG32_02);
	put_be32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	put_be32(NFTA_PAYLOAD_OFFSET, 2);
	put_be32(NFTA_PAYLOAD_LEN, 2);
	close_expression();
	const unsigned mask = 6, zero = 0;
	open_expression("bitwise");
	put_be32(NFTA_BITWISE_SREG, NFT_REG32_00);
	put_be32(NFTA_BITWISE_DREG, NFT_REG32_00);
	put_be32(NFTA_BITWISE_LEN, sizeof mask);
	put_value(NFTA_BITWISE_MASK, &mask, sizeof mask);
	put_value(NFTA_BITWISE_XOR, &zero, sizeof zero);
	close_expression();
	open_expression("cmp");
	put_be32(NFTA_CMP_SREG, NFT_REG32_00);
	put_be32(NFTA_CMP_OP, NFT_CMP_NEQ);
	put_value(NFTA_CMP_DATA, &zero, sizeof zero);
	close_expression();
}

static void statements(void)
{
	open_expression("lookup");
	put_text(NFTA_LOOKUP_SET, "s");
	put_be32(NFTA_LOOKUP_SREG, NFT_REG32_00);
	put_be32(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	close_expression();
	open_expression("lookup");
	put_text(NFTA_LOOKUP_SET, "map");
	put_be32(NFTA_LOOKUP_SREG, NFT_REG32_00);
	put_be32(NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	close_expression();
	open_expression("counter");
	close_expression();
	open_expression("limit");
	put_be64(NFTA_LIMIT_RATE, 10);
	put_be64(NFTA_LIMIT_UNIT, 1);
	put_be32(NFTA_LIMIT_BURST, 20);
	close_expression();
	open_expression("log");
	put_be16(NFTA_LOG_GROUP, 99);
	put_text(NFTA_LOG_PREFIX, "why");
	put_be32(NFTA_LOG_SNAPLEN, 64);
	close_expression();
	open_expression("immediate");
	put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	put_verdict(NFTA_IMMEDIATE_DATA, NFT_GOTO, "regular");
	close_expression();
}

static void rule(void)
{
	const char comment[] = {0, 3, 'c', '1', 0};
	begin_nft(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	put_text(NFTA_RULE_TABLE, "t");
	put_text(NFTA_RULE_CHAIN, "base");
	struct rtattr *list = open_nest(NFTA_RULE_EXPRESSIONS);
	loads();
	statements();
	close_nest(list);
	put(NFTA_RULE_USERDATA, comment, sizeof comment);
	print_bytes();
}

static void deletions(void)
{
	begin_nft(NFT_MSG_DELRULE, 0);
	put_text(NFTA_RULE_TABLE, "t");
	put_text(NFTA_RULE_CHAIN, "base");
	print_bytes();
	begin_nft(NFT_MSG_DELCHAIN, 0);
	put_text(NFTA_CHAIN_TABLE, "t");
	put_text(NFTA_CHAIN_NAME, "base");
	print_bytes();
	begin_nft(NFT_MSG_DELSETELEM, 0);
	put_text(NFTA_SET_ELEM_LIST_TABLE, "t");
	put_text(NFTA_SET_ELEM_LIST_SET, "map");
	print_bytes();
	begin_nft(NFT_MSG_DELSET, 0);
	put_text(NFTA_SET_TABLE, "t");
	put_text(NFTA_SET_NAME, "map");
	print_bytes();
	begin_nft(NFT_MSG_DELTABLE, NLM_F_ACK);
	put_text(NFTA_TABLE_NAME, "t");
	print_bytes();
}

static void transaction(void)
{
	printf("message transaction ");
	begin_nfnetlink(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	put_be32(NFNL_BATCH_GENID, 77);
	print_bytes();
	declarations();
	set_elements();
	rule();
	deletions();
	begin_nfnetlink(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	print_bytes();
	printf("\n");
}

static void flow_table(const char *name, int message, int flags)
{
	printf("message %s ", name);
	begin_nfnetlink(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	print_bytes();
	begin_nfnetlink(NFNL_SUBSYS_NFTABLES << 8 | message, flags | NLM_F_ACK, NFPROTO_INET, 0);
	put_text(NFTA_FLOWTABLE_TABLE, "t");
	put_text(NFTA_FLOWTABLE_NAME, "established");
	struct rtattr *hook = open_nest(NFTA_FLOWTABLE_HOOK);
	put_be32(NFTA_FLOWTABLE_HOOK_NUM, NF_NETDEV_INGRESS);
	put_be32(NFTA_FLOWTABLE_HOOK_PRIORITY, (unsigned)-5);
	struct rtattr *devices = open_nest(NFTA_FLOWTABLE_HOOK_DEVS);
	put_text(NFTA_DEVICE_NAME, "eth0");
	put_text(NFTA_DEVICE_NAME, "eth1");
	close_nest(devices);
	close_nest(hook);
	print_bytes();
	begin_nfnetlink(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	print_bytes();
	printf("\n");
}

static void connections(void)
{
	unsigned short port = htons(8080);
	begin_nfnetlink(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_INET, 0);
	struct rtattr *tuple = open_nest(CTA_TUPLE_ORIG), *protocol = open_nest(CTA_TUPLE_PROTO);
	put_u8(CTA_PROTO_NUM, IPPROTO_UDP);
	put(CTA_PROTO_DST_PORT, &port, sizeof port);
	close_nest(protocol);
	close_nest(tuple);
	struct rtattr *filter = open_nest(CTA_FILTER);
	put_u32(CTA_FILTER_ORIG_FLAGS, 1 << 3 | 1 << 5);
	put_u32(CTA_FILTER_REPLY_FLAGS, 0);
	close_nest(filter);
	end("dumpConnections");
	unsigned bit = htonl(0x08000000);
	begin_nfnetlink(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, NLM_F_ACK, AF_INET, 0);
	put(CTA_TUPLE_ORIG | NLA_F_NESTED, "\1\2\3\4", 4);
	put(CTA_ZONE, "\0\7", 2);
	put(CTA_MARK, &bit, sizeof bit);
	put(CTA_MARK_MASK, &bit, sizeof bit);
	end("markConnection");
	struct nfulnl_msg_config_cmd command = {.command = NFULNL_CFG_CMD_BIND};
	struct nfulnl_msg_config_mode mode = {.copy_range = htonl(64), .copy_mode = NFULNL_COPY_PACKET};
	unsigned timeout = htonl(20);
	begin_nfnetlink(NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_ACK, AF_UNSPEC, 6371);
	put(NFULA_CFG_CMD, &command, sizeof command);
	put(NFULA_CFG_MODE, &mode, sizeof mode);
	put(NFULA_CFG_TIMEOUT, &timeout, sizeof timeout);
	end("bindLogGroup");
}

static void put_u16(int type, unsigned short value)
{
	put(type, &value, sizeof value);
}

enum { GENERIC_FAMILY = 31 };

static void begin_generic(int family, int flags, int command)
{
	struct genlmsghdr *head = begin(family, flags, sizeof *head);
	*head = (struct genlmsghdr){.cmd = (unsigned char)command, .version = WG_GENL_VERSION};
}

static void put_key(int type, int first)
{
	unsigned char key[WG_KEY_LEN];
	for (int i = 0; i < WG_KEY_LEN; i++) key[i] = (unsigned char)(first + i);
	put(type, key, sizeof key);
}

static void put_allowed_ip(int family, const char *base, int length)
{
	struct rtattr *item = open_nest(0);
	put_u16(WGALLOWEDIP_A_FAMILY, (unsigned short)family);
	put_address(WGALLOWEDIP_A_IPADDR, family, base);
	put_u8(WGALLOWEDIP_A_CIDR_MASK, (unsigned char)length);
	close_nest(item);
}

static void wireguard_peers(void)
{
	struct sockaddr_in endpoint = {.sin_family = AF_INET, .sin_port = htons(51820)};
	struct sockaddr_in6 endpoint6 = {.sin6_family = AF_INET6, .sin6_port = htons(51821)};
	inet_pton(AF_INET, "192.0.2.7", &endpoint.sin_addr);
	inet_pton(AF_INET6, "2001:db8::7", &endpoint6.sin6_addr);
	begin_generic(GENERIC_FAMILY, NLM_F_ACK, WG_CMD_SET_DEVICE);
	put_text(WGDEVICE_A_IFNAME, "cw-wg");
	struct rtattr *peers = open_nest(WGDEVICE_A_PEERS), *peer = open_nest(0);
	put_key(WGPEER_A_PUBLIC_KEY, 1);
	put_u32(WGPEER_A_FLAGS, WGPEER_F_REPLACE_ALLOWEDIPS);
	put(WGPEER_A_ENDPOINT, &endpoint, sizeof endpoint);
	struct rtattr *prefixes = open_nest(WGPEER_A_ALLOWEDIPS);
	put_allowed_ip(AF_INET, "10.244.2.0", 24);
	put_allowed_ip(AF_INET6, "fd00:2::", 64);
	close_nest(prefixes);
	close_nest(peer);
	peer = open_nest(0);
	put_key(WGPEER_A_PUBLIC_KEY, 2);
	put(WGPEER_A_ENDPOINT, &endpoint6, sizeof endpoint6);
	close_nest(peer);
	peer = open_nest(0);
	put_key(WGPEER_A_PUBLIC_KEY, 3);
	put_u32(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME);
	close_nest(peer);
	peer = open_nest(0);
	put_key(WGPEER_A_PUBLIC_KEY, 4);
	put_u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 1);
	close_nest(peer);
	peer = open_nest(0);
	put_key(WGPEER_A_PUBLIC_KEY, 4);
	put_u32(WGPEER_A_FLAGS, WGPEER_F_UPDATE_ONLY);
	put_u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 0);
	close_nest(peer);
	peer = open_nest(0);
	unsigned char none[WG_KEY_LEN] = {0};
	put_key(WGPEER_A_PUBLIC_KEY, 5);
	put(WGPEER_A_PRESHARED_KEY, none, sizeof none);
	put_u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 0);
	close_nest(peer);
	close_nest(peers);
	end("wireguardPeers");
}

static void wireguard(void)
{
	begin_generic(GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY);
	put_text(CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	end("wireguardFamily");
	begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	put_text(IFLA_IFNAME, "cw-wg");
	put_u32(IFLA_MTU, 1440);
	put_u32(IFLA_GROUP, 99);
	struct rtattr *info = open_nest(IFLA_LINKINFO);
	put_text(IFLA_INFO_KIND, "wireguard");
	close_nest(info);
	end("wireguardLink");
	begin_generic(GENERIC_FAMILY, NLM_F_ACK, WG_CMD_SET_DEVICE);
	put_text(WGDEVICE_A_IFNAME, "cw-wg");
	put_key(WGDEVICE_A_PRIVATE_KEY, 9);
	put_u16(WGDEVICE_A_LISTEN_PORT, 51820);
	put_u32(WGDEVICE_A_FWMARK, 7);
	end("wireguardDevice");
	begin_generic(GENERIC_FAMILY, NLM_F_DUMP, WG_CMD_GET_DEVICE);
	put_text(WGDEVICE_A_IFNAME, "cw-wg");
	end("dumpWireguard");
	wireguard_peers();
}

static void fill_selector(struct xfrm_selector *selector)
{
	selector->family = AF_INET;
	inet_pton(AF_INET, "127.0.0.0", &selector->daddr);
	selector->prefixlen_d = 8;
}

static void policies(void)
{
	struct xfrm_userpolicy_info *info = begin(XFRM_MSG_NEWPOLICY, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof *info);
	fill_selector(&info->sel);
	info->lft.soft_byte_limit = info->lft.hard_byte_limit = info->lft.soft_packet_limit = info->lft.hard_packet_limit = XFRM_INF;
	info->priority = 42;
	info->dir = XFRM_POLICY_IN;
	info->action = XFRM_POLICY_BLOCK;
	end("addInboundBlock");
	struct xfrm_userpolicy_id *id = begin(XFRM_MSG_DELPOLICY, NLM_F_ACK, sizeof *id);
	fill_selector(&id->sel);
	id->dir = XFRM_POLICY_IN;
	end("deleteInboundBlock");
}

int main(void)
{
	print_constants();
	policies();
	wireguard();
	shaping();
	trials();
	names();
	elements();
	transaction();
	flow_table("addDevices", NFT_MSG_NEWFLOWTABLE, NLM_F_CREATE);
	flow_table("deleteDevices", NFT_MSG_DELFLOWTABLE, 0);
	connections();
	veth();
	bridge();
	vxlan();
	port();
	links();
	address();
	route();
	neighbours();
	return 0;
}
