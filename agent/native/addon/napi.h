#pragma once

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct addon {
	napi_env env;
	uv_loop_t *loop;
	napi_async_cleanup_hook_handle cleanup;
	struct poll *polls;
	uint32_t last_id;
	size_t open_handles;
	bool closing;
};

/* Ends the process when a call of Node-API fails that can fail only by a fault of ours. */
#define MUST(call) must((call), #call)
void must(napi_status status, const char *call);

/* Ends the process for want of memory. */
void *allocated(void *memory);

/* Reads the arguments of a function, of which there must be `expected`. */
struct addon *arguments(napi_env env, napi_callback_info info, size_t expected, napi_value *values);

int to_int(napi_env env, napi_value value);
napi_value from_int(napi_env env, int64_t number);
void *to_bytes(napi_env env, napi_value value, size_t *size);

/* The result of a system call as JavaScript gets it: -errno for -1. */
napi_value result(napi_env env, ssize_t returned);

struct function {
	const char *name;
	napi_callback call;
};

/* Makes functions properties of the module. */
void export_functions(struct addon *addon, napi_value exports, const struct function *functions, size_t count);
