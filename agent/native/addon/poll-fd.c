/* Descriptors that the event loop waits for. */
#include "poll-fd.h"
#include <stdlib.h>

struct poll {
	struct addon *addon;
	struct poll *next, **link;
	uv_handle_t *handle; /* sized by the running libuv, which may be newer than its header */
	napi_ref callback;
	uint32_t id;
	int events;
};

static void finish_closing(struct addon *addon)
{
	if (!addon->closing || addon->open_handles > 0) return;
	napi_remove_async_cleanup_hook(addon->cleanup);
	free(addon);
}

static void on_closed(uv_handle_t *handle)
{
	struct addon *addon = uv_handle_get_data(handle);
	free(handle);
	addon->open_handles--;
	finish_closing(addon);
}

static void remove_poll(struct poll *poll)
{
	*poll->link = poll->next;
	if (poll->next != NULL) poll->next->link = poll->link;
	uv_handle_set_data(poll->handle, poll->addon);
	uv_close(poll->handle, on_closed);
	napi_delete_reference(poll->addon->env, poll->callback);
	free(poll);
}

/* The callback may remove the poll. While the environment ends it cannot be called: that is no error. */
static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct poll *poll = uv_handle_get_data((uv_handle_t *)handle);
	napi_env env = poll->addon->env;
	napi_handle_scope scope;
	napi_value callback, error;
	(void)events;
	if (napi_open_handle_scope(env, &scope) != napi_ok) return;
	if (status < 0) /* libuv stops polling a socket that has an error; JavaScript's next system call on it takes the error away */
		uv_poll_start(handle, poll->events, on_poll);
	if (napi_get_reference_value(env, poll->callback, &callback) == napi_ok &&
		napi_make_callback(env, NULL, callback, callback, 0, NULL, NULL) == napi_pending_exception &&
		napi_get_and_clear_last_exception(env, &error) == napi_ok)
		napi_fatal_exception(env, error);
	napi_close_handle_scope(env, scope);
}

static napi_value js_poll(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	struct addon *addon = arguments(env, info, 3, values);
	uv_handle_t *handle = allocated(malloc(uv_handle_size(UV_POLL)));
	int error = uv_poll_init(addon->loop, (uv_poll_t *)handle, to_int(env, values[0]));
	if (error != 0) {
		free(handle);
		return from_int(env, error);
	}
	struct poll *poll = allocated(malloc(sizeof *poll));
	*poll = (struct poll){addon, addon->polls, &addon->polls, handle, NULL, ++addon->last_id, to_int(env, values[1])};
	if (poll->next != NULL) poll->next->link = &poll->next;
	addon->polls = poll;
	addon->open_handles++;
	MUST(napi_create_reference(env, values[2], 1, &poll->callback));
	uv_handle_set_data(handle, poll);
	uv_poll_start((uv_poll_t *)handle, poll->events, on_poll);
	return from_int(env, poll->id);
}

static napi_value js_unpoll(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	struct addon *addon = arguments(env, info, 1, values);
	uint32_t id = (uint32_t)to_int(env, values[0]);
	struct poll *poll = addon->polls;
	while (poll != NULL && poll->id != id) poll = poll->next;
	if (poll != NULL) remove_poll(poll);
	return NULL;
}

void end_polls(napi_async_cleanup_hook_handle handle, void *data)
{
	struct addon *addon = data;
	addon->cleanup = handle;
	addon->closing = true;
	while (addon->polls != NULL) remove_poll(addon->polls);
	finish_closing(addon);
}

void export_poll_functions(struct addon *addon, napi_value exports)
{
	static const struct function functions[] = {{"poll", js_poll}, {"unpoll", js_unpoll}};
	export_functions(addon, exports, functions, sizeof functions / sizeof *functions);
}
