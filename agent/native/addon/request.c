/* Sequences of netlink batches, sent and answered in a thread of the pool. */
#include "request.h"
#include "netlink.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	napi_async_work work;
	napi_deferred deferred;
	const char *syscall;
	int error;
	size_t count, answered;
	struct step steps[];
};

/*
 * Sequences take turns here, asleep: who waits for the kernel's rtnl mutex spins, and takes the CPU from the
 * event loop. A single step may be a deletion, which waits without that mutex.
 */
static void run_steps(napi_env env, void *data)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	struct request *request = data;
	(void)env;
	if (request->count > 1) pthread_mutex_lock(&turn);
	enum step_result last = STEP_DONE;
	while (last == STEP_DONE && request->answered < request->count) {
		struct step *step = &request->steps[request->answered];
		last = run_step(step, &request->syscall);
		if (last == STEP_FAILED)
			request->error = errno;
		else if (last == STEP_DONE || !step->is_plain)
			request->answered++;
	}
	if (request->count > 1) pthread_mutex_unlock(&turn);
}

/* While the environment ends nothing can be made any more, and nobody waits: any failure ends this. */
static void settle(napi_env env, napi_status status, struct request *request)
{
	napi_value answers, error, code, syscall;
	if (status != napi_ok || napi_create_array_with_length(env, request->answered, &answers) != napi_ok) return;
	for (uint32_t i = 0; i < request->answered; i++) {
		napi_value bytes;
		const struct step *step = &request->steps[i];
		if (step->answer_size > 0 &&
			(napi_create_buffer_copy(env, step->answer_size, step->answer, NULL, &bytes) != napi_ok ||
				napi_set_element(env, answers, i, bytes) != napi_ok))
			return;
	}
	if (request->error == 0) {
		napi_resolve_deferred(env, request->deferred, answers);
	} else if (napi_create_string_utf8(env, uv_err_name(-request->error), NAPI_AUTO_LENGTH, &code) == napi_ok &&
		napi_create_string_utf8(env, request->syscall, NAPI_AUTO_LENGTH, &syscall) == napi_ok &&
		napi_create_error(env, code, syscall, &error) == napi_ok) {
		napi_reject_deferred(env, request->deferred, error);
	}
}

static void on_answered(napi_env env, napi_status status, void *data)
{
	struct request *request = data;
	settle(env, status, request);
	napi_delete_async_work(env, request->work);
	for (size_t i = 0; i < request->count; i++) {
		struct step *step = &request->steps[i];
		/* A key may have been in either: that of a WireGuard device. */
		explicit_bzero(step->batch, step->size);
		if (step->answer_size > 0) explicit_bzero(step->answer, step->answer_size);
		if (step->is_plain && step->fd >= 0) close(step->fd);
		free(step->batch);
		free(step->answer);
	}
	free(request);
}

/* A property that need not be there: 0 if it is not, and for false; 1 for true. */
static int optional_int(napi_env env, napi_value item, const char *name)
{
	napi_value value;
	MUST(napi_get_named_property(env, item, name, &value));
	MUST(napi_coerce_to_number(env, value, &value));
	return to_int(env, value);
}

static napi_value js_request(napi_env env, napi_callback_info info)
{
	napi_value values[1], name, promise;
	uint32_t count;
	arguments(env, info, 1, values);
	MUST(napi_get_array_length(env, values[0], &count));
	struct request *request = allocated(calloc(1, sizeof *request + count * sizeof *request->steps));
	request->count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct step *step = &request->steps[i];
		napi_value item, fd, batch;
		MUST(napi_get_element(env, values[0], i, &item));
		MUST(napi_get_named_property(env, item, "fd", &fd));
		MUST(napi_get_named_property(env, item, "bytes", &batch));
		const void *bytes = to_bytes(env, batch, &step->size);
		step->fd = to_int(env, fd);
		step->wanted_at = (size_t)optional_int(env, item, "wantedAt");
		step->wanted_bits = (uint32_t)optional_int(env, item, "wantedBits");
		step->at_least = (size_t)optional_int(env, item, "atLeast");
		step->is_resumed = optional_int(env, item, "isResumed") != 0;
		step->is_plain = optional_int(env, item, "isPlain") != 0;
		/* The event loop may close its own descriptor meanwhile, and the number become another's. */
		if (step->is_plain) step->fd = fcntl(step->fd, F_DUPFD_CLOEXEC, 0);
		step->batch = allocated(malloc(step->size));
		memcpy(step->batch, bytes, step->size);
	}
	MUST(napi_create_promise(env, &request->deferred, &promise));
	MUST(napi_create_string_utf8(env, "netlink", NAPI_AUTO_LENGTH, &name));
	MUST(napi_create_async_work(env, NULL, name, run_steps, on_answered, request, &request->work));
	MUST(napi_queue_async_work(env, request->work));
	return promise;
}

void export_request_functions(struct addon *addon, napi_value exports)
{
	static const struct function functions[] = {{"request", js_request}};
	export_functions(addon, exports, functions, sizeof functions / sizeof *functions);
}
