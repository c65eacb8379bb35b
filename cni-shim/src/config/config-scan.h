#pragma once

#include "config/json.h"

/* What the shim needs of a network configuration. The agent parses and validates the whole. */
struct config {
	struct value version;
	struct value socket;
	bool complete; /* one JSON object, as far as brackets and strings tell, and nothing behind it */
};

/*
 * Finds the top-level keys without building a tree. Any bytes are fine: what stands before the first fault is
 * used, and `complete` stays false. Of two equal keys the last counts, as in the runtimes' parser.
 */
void scan_config(const unsigned char *json, size_t length, struct config *config);
