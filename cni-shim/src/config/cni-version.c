/* Versions of the CNI specification. */
#include "config/cni-version.h"
#include <stddef.h>
#include <string.h>

const char *const supported_versions[] = {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

const char *supported_version(const char *version)
{
	for (size_t i = 0; i < VERSION_COUNT; i++)
		if (strcmp(supported_versions[i], version) == 0) return supported_versions[i];
	return NULL;
}
