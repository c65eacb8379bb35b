/**
 * Threads of libuv's pool, twice as many as it has of its own accord: half of them may wait while the kernel
 * frees links that are gone, the others serve pods that come.
 */
export const THREADS = 8;
