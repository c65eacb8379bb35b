/* Requests about one link. */
#include "kernel/rtnetlink.h"
#include "lib/failure.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

int open_rtnetlink(void)
{
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd == -1) FAIL(CODE_IO, "Cannot open rtnetlink socket: ", describe(errno));
	return fd;
}

/* A request about one link (linux/rtnetlink.h); the name is sent only when the index is 0. */
struct link_request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	struct rtattr attribute;
	char name[IFNAMSIZ];
};

/*
 * Large enough for any single link: its alternative names, which tell a pod's host ports, may take 64 KiB
 * alone.
 */
static unsigned char answer[80 * 1024];

/*
 * Length of attribute `type` among `length` bytes of attributes and its place in *value, or -1 when it is
 * absent.
 */
static ssize_t find_attribute(const unsigned char *at, size_t length, uint16_t type, const unsigned char **value)
{
	struct rtattr attribute;
	while (length >= sizeof attribute) {
		memcpy(&attribute, at, sizeof attribute);
		if (attribute.rta_len < sizeof attribute || attribute.rta_len > length) return -1;
		*value = at + sizeof attribute;
		if ((attribute.rta_type & NLA_TYPE_MASK) == type) return (ssize_t)(attribute.rta_len - sizeof attribute);
		const size_t aligned = ((size_t)attribute.rta_len + 3) & ~(size_t)3;
		if (aligned >= length) return -1;
		at += aligned;
		length -= aligned;
	}
	return -1;
}

/* Copies a string attribute, cut to `capacity` with its NUL; empty when it is absent. */
static void copy_attribute(const unsigned char *attributes, size_t length, uint16_t type, char *out, size_t capacity)
{
	const unsigned char *value;
	const ssize_t size = find_attribute(attributes, length, type, &value);
	memset(out, 0, capacity);
	if (size > 0) memcpy(out, value, (size_t)size < capacity ? (size_t)size : capacity - 1);
}

int parse_answer(const unsigned char *bytes, size_t length, struct link *link)
{
	struct nlmsghdr header;
	if (length < sizeof header) return EPROTO;
	memcpy(&header, bytes, sizeof header);
	if (header.nlmsg_len < sizeof header || header.nlmsg_len > length) return EPROTO;
	const unsigned char *payload = bytes + sizeof header;
	const size_t size = header.nlmsg_len - sizeof header;
	if (header.nlmsg_type == NLMSG_ERROR) {
		int error;
		if (size < sizeof error) return EPROTO;
		memcpy(&error, payload, sizeof error);
		if (error == 0) return link == NULL ? 0 : EPROTO;
		return error < 0 && error > -4096 ? -error : EPROTO;
	}
	struct ifinfomsg info;
	if (header.nlmsg_type != RTM_NEWLINK || link == NULL || size < sizeof info) return EPROTO;
	memcpy(&info, payload, sizeof info);
	link->index = info.ifi_index;
	link->flags = info.ifi_flags;
	const unsigned char *attributes = payload + sizeof info;
	copy_attribute(attributes, size - sizeof info, IFLA_IFALIAS, link->alias, sizeof link->alias);
	const unsigned char *link_info = NULL;
	const ssize_t link_info_size = find_attribute(attributes, size - sizeof info, IFLA_LINKINFO, &link_info);
	copy_attribute(link_info, link_info_size < 0 ? 0 : (size_t)link_info_size, IFLA_INFO_KIND, link->kind, sizeof link->kind);
	return 0;
}

/*
 * Sends one request about a link, named by `name` or else by *link's index, and reads its answer. Returns 0
 * or an errno.
 */
static int talk(int fd, uint16_t type, const char *name, struct link_request request, struct link *link)
{
	request.header.nlmsg_len = sizeof request.header + sizeof request.link;
	request.header.nlmsg_type = type;
	request.header.nlmsg_flags = link == NULL ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST;
	if (name != NULL) {
		const size_t length = strnlen(name, IFNAMSIZ - 1);
		memcpy(request.name, name, length);
		request.attribute.rta_type = IFLA_IFNAME;
		request.attribute.rta_len = (uint16_t)(sizeof request.attribute + length + 1);
		request.header.nlmsg_len += (uint32_t)(sizeof request.attribute + sizeof request.name);
	}
	ssize_t count;
	do count = send(fd, &request, request.header.nlmsg_len, 0);
	while (count == -1 && errno == EINTR);
	if (count == -1) return errno;
	do count = recv(fd, answer, sizeof answer, MSG_TRUNC);
	while (count == -1 && errno == EINTR);
	if (count == -1) return errno;
	return (size_t)count > sizeof answer ? EMSGSIZE : parse_answer(answer, (size_t)count, link);
}

int get_link(int fd, const char *name, struct link *link)
{
	return talk(fd, RTM_GETLINK, name, (struct link_request){0}, link);
}

int delete_link(int fd, int index)
{
	return talk(fd, RTM_DELLINK, NULL, (struct link_request){.link.ifi_index = index}, NULL);
}

int set_link_up(int fd, const char *name, bool up)
{
	return talk(fd, RTM_NEWLINK, name, (struct link_request){.link = {.ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP}}, NULL);
}
