#pragma once

/* Versions of the CNI specification that a configuration may ask for, oldest first. */
enum { VERSION_COUNT = 7 };

extern const char *const supported_versions[VERSION_COUNT];

/* The entry of the list above, or NULL. */
const char *supported_version(const char *version);
