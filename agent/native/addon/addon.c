/*
 * kernel.node: the system calls that Node.js lacks. agent/native/addon.ts describes the functions and checks
 * their arguments. C knows system calls, TypeScript knows protocols: of those, only struct nlmsghdr and
 * struct nlmsgerr are known here (netlink.c).
 *
 * Functions give -errno instead of throwing, as the kernel does. Descriptors belong to JavaScript. Everything
 * but run_steps() happens in the event loop's thread.
 */
#include "napi.h"
#include "poll-fd.h"
#include "request.h"
#include "socket.h"
#include <stdlib.h>

NAPI_MODULE_INIT()
{
	struct addon *addon = allocated(calloc(1, sizeof *addon));
	addon->env = env;
	MUST(napi_get_uv_event_loop(env, &addon->loop));
	MUST(napi_add_async_cleanup_hook(env, end_polls, addon, &addon->cleanup));
	export_poll_functions(addon, exports);
	export_socket_functions(addon, exports);
	export_request_functions(addon, exports);
	return exports;
}
