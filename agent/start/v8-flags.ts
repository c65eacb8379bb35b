/**
 * A node agent is small and mostly idle: memory that V8 keeps for speed is taken from pods. Its young
 * generation stays at its first size, and the old one is collected when it has grown by half: with 5,000
 * nodes, 50 changes a second and V8's own ideas it came to 220 MB. Its optimizing compilers pay for code that
 * is hot for minutes, which none of ours is: without them an agent has 9 to 17 MB less, and bursts of pods
 * have the CPU to themselves.
 */
export const V8_FLAGS = [
  "--semi-space-growth-factor=1",
  "--heap-growing-percent=50",
  "--no-opt",
  "--no-maglev",
] as const;
