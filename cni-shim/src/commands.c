/* The commands of the CNI plugin. */
#include "commands.h"
#include "agent/ask-agent.h"
#include "config/cni-version.h"
#include "kernel/host-link.h"
#include "lib/io.h"
#include "lib/output.h"
#include "lib/text.h"
#include <unistd.h>

#define DEFAULT_SOCKET "/run/causeway/agent.sock"

/* The agent's socket, or NULL. A relative path would depend on the runtime's working directory. */
static const char *find_socket(const struct config *config)
{
	const struct value *value = &config->socket;
	if (value->state == VALUE_ABSENT) return DEFAULT_SOCKET;
	if (value->state == VALUE_STRING && value->text[0] == '/') return value->text;
	if (value->state == VALUE_STRING)
		FAIL(CODE_CONFIG, "Cannot use socket \"", value->text, "\": it is no absolute path");
	else
		FAIL(CODE_CONFIG, "Cannot use socket: it is no string of 1 to ", decimal(sizeof value->text - 1), " bytes");
	return NULL;
}

/* Puts the request together and has the agent answer it. */
static enum outcome forward(const struct input *input, struct reply *reply)
{
	if (input->stdin_errno != 0) return fail_stdin(input->stdin_errno);
	struct request request = {.verb = input->verb, .read_ms = input->read_ms};
	request.socket = find_socket(&input->config);
	if (request.socket == NULL) return FAILED;
	request.begin = encode_frame(environ, input->stdin_length, input->started_ns);
	if (request.begin == NULL) return FAILED;
	request.length = (size_t)(frame + STDIN_OFFSET + input->stdin_length - request.begin);
	struct pod pod;
	if ((input->verb->needs & NEEDS_NETNS) == 0) return ask_agent(&request, reply);
	if (open_pod(variable("CNI_NETNS"), &pod) != OK) return FAILED;
	request.pod = &pod;
	const enum outcome outcome = ask_agent(&request, reply);
	close(pod.rtnetlink);
	close(pod.netns);
	return outcome;
}

int run_command(const struct input *input)
{
	struct reply reply;
	if (forward(input, &reply) == OK) return print(reply_body, reply.length, reply.exit_code);
	if (!verb_is(input->verb, "DEL")) return print_failure();
	log_line("DEL without the agent: ", failure.message);
	return remove_host_link(variable("CNI_CONTAINERID"), variable("CNI_IFNAME")) == OK ? 0 : print_failure();
}

int run_version(const struct input *input)
{
	const struct value *asked = &input->config.version;
	const char *version = asked->state == VALUE_STRING ? supported_version(asked->text) : NULL;
	char bytes[256];
	struct text text = {.bytes = bytes, .capacity = sizeof bytes};
	append(&text, "{\"cniVersion\":");
	append_json(&text, version != NULL ? version : supported_versions[VERSION_COUNT - 1]);
	append(&text, ",\"supportedVersions\":[");
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		if (i > 0) put(&text, ',');
		append_json(&text, supported_versions[i]);
	}
	append(&text, "]}\n");
	return print(bytes, text.length, 0);
}

/* Somebody runs the program by hand. */
int run_about(void)
{
	static const char about[] =
		"causeway " CAUSEWAY_VERSION ": CNI plugin of the Causeway node agent\n"
		"A container runtime runs it with CNI_COMMAND and the other CNI variables set; see https://www.cni.dev/docs/spec/\n";
	return write_all(STDERR_FILENO, about, sizeof about - 1) == OK ? 0 : 1;
}
