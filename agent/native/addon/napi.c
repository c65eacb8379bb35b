/* Values and errors of Node-API. */
#include "napi.h"
#include <assert.h>
#include <errno.h>

void must(napi_status status, const char *call)
{
	if (status != napi_ok) napi_fatal_error("kernel.node", NAPI_AUTO_LENGTH, call, NAPI_AUTO_LENGTH);
}

void *allocated(void *memory)
{
	if (memory == NULL) napi_fatal_error("kernel.node", NAPI_AUTO_LENGTH, "out of memory", NAPI_AUTO_LENGTH);
	return memory;
}

struct addon *arguments(napi_env env, napi_callback_info info, size_t expected, napi_value *values)
{
	void *addon;
	size_t count = expected;
	MUST(napi_get_cb_info(env, info, &count, values, NULL, &addon));
	assert(count == expected);
	return addon;
}

int to_int(napi_env env, napi_value value)
{
	int number;
	MUST(napi_get_value_int32(env, value, &number));
	return number;
}

napi_value from_int(napi_env env, int64_t number)
{
	napi_value value;
	MUST(napi_create_int64(env, number, &value));
	return value;
}

void *to_bytes(napi_env env, napi_value value, size_t *size)
{
	void *bytes;
	MUST(napi_get_buffer_info(env, value, &bytes, size));
	return bytes;
}

napi_value result(napi_env env, ssize_t returned)
{
	return from_int(env, returned < 0 ? -errno : returned);
}

void export_functions(struct addon *addon, napi_value exports, const struct function *functions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const napi_property_descriptor property = {
			.utf8name = functions[i].name, .method = functions[i].call, .attributes = napi_enumerable, .data = addon};
		MUST(napi_define_properties(addon->env, exports, 1, &property));
	}
}
