/* What the runtime gets to read. */
#include "lib/output.h"
#include "lib/failure.h"
#include "lib/io.h"
#include "lib/text.h"
#include <errno.h>
#include <unistd.h>

void log_line(const char *head, const char *tail)
{
	char bytes[sizeof failure.message + 128];
	struct text text = {.bytes = bytes, .capacity = sizeof bytes};
	append(&text, "causeway: ");
	append(&text, head);
	append(&text, tail);
	append(&text, "\n");
	if (write_all(STDERR_FILENO, bytes, text.length) != OK) return;
}

int print(const void *bytes, size_t length, int exit_code)
{
	if (write_all(STDOUT_FILENO, bytes, length) == OK) return exit_code;
	log_line("Cannot write to stdout: ", describe(errno));
	return 1;
}

int print_failure(void)
{
	static char bytes[6 * sizeof failure.message + 256]; /* an escape makes one byte six */
	struct text text = {.bytes = bytes, .capacity = sizeof bytes};
	append(&text, "{\"cniVersion\":");
	append_json(&text, error_version);
	append(&text, ",\"code\":");
	append(&text, decimal((uint64_t)failure.code));
	append(&text, ",\"msg\":");
	append_json(&text, failure.message);
	append(&text, ",\"details\":\"causeway shim " CAUSEWAY_VERSION "\"}\n");
	return print(bytes, text.length, 1);
}
