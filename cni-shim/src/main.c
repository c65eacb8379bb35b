/*
 * The CNI shim: the program that a container runtime runs for each CNI command. It packs the CNI_* variables
 * and stdin into one frame, opens the pod's network namespace and an rtnetlink socket inside it, sends all of
 * it to the agent over a unix socket, and prints what the agent answers (docs/protocol.md). It answers
 * VERSION itself, deletes the host end of a veth itself when no agent answers DEL, and is the plugin
 * "loopback" when it is run under that name.
 *
 * main and commands, loopback stand on agent (frame, conversation), kernel (network namespaces, rtnetlink)
 * and config (the scanner), all of them on lib (text, failures, input and output). All memory is static.
 */
#include "commands.h"
#include "lib/io.h"
#include "lib/output.h"
#include "loopback.h"
#include <signal.h>
#include <string.h>

static bool is_loopback(const char *program)
{
	const char *slash = strrchr(program, '/');
	return strcmp(slash == NULL ? program : slash + 1, "loopback") == 0;
}

int main(int argc, char **argv)
{
	struct input input = {.started_ns = (uint64_t)now_ns()};
	if (keep_standard_streams() != OK) return 1;
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return 1;
	const char *command = variable("CNI_COMMAND");
	if (command[0] == '\0') return run_about();
	read_input(&input);
	input.verb = find_verb(command);
	if (input.verb == NULL) return print_failure();
	if (verb_is(input.verb, "VERSION")) return run_version(&input);
	if (check_variables(input.verb) != OK) return print_failure();
	return argc > 0 && is_loopback(argv[0]) ? run_loopback(&input) : run_command(&input);
}
