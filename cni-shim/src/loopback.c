/* The plugin "loopback". */
#include "loopback.h"
#include "config/cni-version.h"
#include "kernel/netns.h"
#include "kernel/rtnetlink.h"
#include "lib/output.h"
#include "lib/text.h"
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whether ::1 is there, in the namespace `netns`, which is entered for good. */
static bool has_ipv6_loopback(int netns)
{
	if (setns(netns, CLONE_NEWNET) != 0) return false;
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1) return false;
	const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const bool found = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
	close(fd);
	return found;
}

static void append_loopback_ip(struct text *text, const char *family, const char *address, bool has_family)
{
	append(text, "{");
	if (has_family) {
		append(text, "\"version\":");
		append_json(text, family);
		append(text, ",");
	}
	append(text, "\"interface\":0,\"address\":");
	append_json(text, address);
	append(text, "}");
}

/* Prints ADD's result in the shape of `version` (SPEC.md of 0.2.0, 0.4.0 and 1.0.0, section "Result"). */
static int print_loopback_result(const char *version, const char *netns, bool has_ipv6)
{
	static char bytes[6 * 4096 + 512]; /* a path that could be opened is below PATH_MAX, which is 4096 */
	struct text text = {.bytes = bytes, .capacity = sizeof bytes};
	append(&text, "{\"cniVersion\":");
	append_json(&text, version);
	if (strcmp(version, "0.3.0") < 0) {
		append(&text, ",\"ip4\":{\"ip\":\"127.0.0.1/8\"}");
		if (has_ipv6) append(&text, ",\"ip6\":{\"ip\":\"::1/128\"}");
	} else {
		const bool has_family = version[0] == '0';
		append(&text, ",\"interfaces\":[{\"name\":\"lo\",\"mac\":\"00:00:00:00:00:00\",\"sandbox\":");
		append_json(&text, netns);
		append(&text, "}],\"ips\":[");
		append_loopback_ip(&text, "4", "127.0.0.1/8", has_family);
		if (has_ipv6) {
			append(&text, ",");
			append_loopback_ip(&text, "6", "::1/128", has_family);
		}
		append(&text, "]");
	}
	append(&text, ",\"dns\":{}}\n");
	return print(bytes, text.length, 0);
}

/* The agent is not there to validate what the runtime sent. Returns the version to answer in, or NULL. */
static const char *check_loopback_config(const struct input *input)
{
	const struct value *version = &input->config.version;
	if (input->stdin_errno != 0) {
		fail_stdin(input->stdin_errno);
	} else if (!input->config.complete) {
		FAIL(CODE_JSON, "Cannot parse network configuration on stdin: it is no JSON object");
	} else if (version->state == VALUE_ABSENT) {
		return supported_versions[0]; /* a configuration without the key is older than the key */
	} else if (version->state == VALUE_STRING && supported_version(version->text) != NULL) {
		return supported_version(version->text);
	} else {
		FAIL(CODE_VERSION, "Cannot use cniVersion", version->state == VALUE_STRING ? " \"" : "",
			version->state == VALUE_STRING ? version->text : "", version->state == VALUE_STRING ? "\"" : "",
			": supported are 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
	}
	return NULL;
}

/* ADD and CHECK. The name is "lo" whatever CNI_IFNAME says: a namespace has only one loopback. */
static int run_loopback_in(const struct input *input, const struct pod *pod, const char *netns, const char *version)
{
	if (verb_is(input->verb, "ADD")) {
		const int error = set_link_up(pod->rtnetlink, "lo", true);
		if (error == 0) return print_loopback_result(version, netns, has_ipv6_loopback(pod->netns));
		FAIL(CODE_IO, "Cannot set link \"lo\" up in CNI_NETNS \"", netns, "\": ", describe(error));
		return print_failure();
	}
	struct link lo;
	const int error = get_link(pod->rtnetlink, "lo", &lo);
	if (error == 0 && (lo.flags & IFF_UP) != 0) return 0;
	if (error == 0)
		FAIL(CODE_IO, "Cannot confirm link \"lo\" in CNI_NETNS \"", netns, "\": it is down");
	else
		FAIL(CODE_IO, "Cannot find link \"lo\" in CNI_NETNS \"", netns, "\": ", describe(error));
	return print_failure();
}

int run_loopback(const struct input *input)
{
	const char *netns = variable("CNI_NETNS");
	struct pod pod;
	if ((input->verb->needs & NEEDS_NETNS) != 0) {
		const char *version = check_loopback_config(input);
		if (version == NULL || open_pod(netns, &pod) != OK) return print_failure();
		return run_loopback_in(input, &pod, netns, version);
	}
	/* Best effort: what is not there needs not be set down. */
	if (verb_is(input->verb, "DEL") && netns[0] != '\0' && open_pod(netns, &pod) == OK) (void)set_link_up(pod.rtnetlink, "lo", false);
	return 0;
}
