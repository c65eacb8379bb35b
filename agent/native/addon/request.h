#pragma once

#include "napi.h"

void export_request_functions(struct addon *addon, napi_value exports);
