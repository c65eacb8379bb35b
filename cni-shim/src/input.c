/* What the runtime gives: CNI_* variables and stdin. */
#include "input.h"
#include "agent/frame.h"
#include "config/cni-version.h"
#include "lib/io.h"
#include "lib/text.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value == NULL ? "" : value;
}

void read_input(struct input *input)
{
	if (read_to_end(STDIN_FILENO, frame + STDIN_OFFSET, MAX_STDIN + 1, &input->stdin_length) != OK) input->stdin_errno = errno;
	input->read_ms = now_ms();
	scan_config(frame + STDIN_OFFSET, input->stdin_length, &input->config);
	const struct value *version = &input->config.version;
	const char *supported = version->state == VALUE_STRING ? supported_version(version->text) : NULL;
	if (supported != NULL) error_version = supported;
}

enum outcome fail_stdin(int error)
{
	if (error == EFBIG)
		return FAIL(CODE_IO, "Cannot read network configuration from stdin: it is larger than " TEXT_OF(MAX_STDIN) " bytes");
	return FAIL(CODE_IO, "Cannot read network configuration from stdin: ", describe(error));
}

enum outcome check_variables(const struct verb *verb)
{
	static const struct {
		const char *name;
		unsigned need;
	} variables[] = {{"CNI_CONTAINERID", NEEDS_CONTAINERID}, {"CNI_NETNS", NEEDS_NETNS}, {"CNI_IFNAME", NEEDS_IFNAME}};

	char missing[64];
	struct text text = {.bytes = missing, .capacity = sizeof missing - 1};
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		if ((verb->needs & variables[i].need) == 0 || variable(variables[i].name)[0] != '\0') continue;
		if (text.length > 0) append(&text, ", ");
		append(&text, variables[i].name);
	}
	missing[text.length] = '\0';
	return text.length == 0 ? OK : FAIL(CODE_ENVIRONMENT, "Required CNI variables are missing: ", missing);
}
