#pragma once

#include "napi.h"

void export_socket_functions(struct addon *addon, napi_value exports);
