#pragma once

#include "napi.h"

/* JavaScript names a poll by a number, so that a number kept too long finds nothing. */
void export_poll_functions(struct addon *addon, napi_value exports);

/* A worker thread's environment may end before the process does. Descriptors stay open until then. */
void end_polls(napi_async_cleanup_hook_handle handle, void *data);
