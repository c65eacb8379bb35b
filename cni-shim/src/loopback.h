#pragma once

#include "input.h"

/* The plugin "loopback", which containerd runs beside each network. Returns the exit code. */
int run_loopback(const struct input *input);
