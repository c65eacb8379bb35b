/**
 * Frees the memory of a buffer now; it then reads as empty. Left to the garbage collector, which counts such
 * memory only roughly, the buffers of thousands of requests pile up to some 30 MB. The buffer must own its
 * memory: made by allocUnsafeSlow(), or by the addon.
 */
export function releaseMemory({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
