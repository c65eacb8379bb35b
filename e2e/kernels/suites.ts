import type { KernelName } from "./kernels.ts";

/**
 * What a guest runs, by name: arguments of Node in the folder of the repository, without commas or blanks.
 */
export const SUITES = {
  smoke: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/smoke.e2e.ts"],
  "missing modules": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/missing-modules.e2e.ts"],
  surroundings: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/surroundings.e2e.ts"],
  encryption: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/encryption.e2e.ts"],
  figures: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/figures.e2e.ts"],
  "kernel tests": ["e2e/kernels/guest/kernel-tests.ts"],
  "no IPv6": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/no-ipv6.e2e.ts"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type SuiteName = keyof typeof SUITES;

/** One guest, which lives as long as its suites take. */
export interface GuestPlan {
  readonly kernel: KernelName;
  readonly suites: readonly SuiteName[];
  /** Further words of the kernel's command line. */
  readonly append: readonly string[];
}

/** What fits into the time of each change. */
export const SOME_GUESTS: readonly GuestPlan[] = [
  { kernel: "5.10", suites: ["smoke"], append: [] },
  { kernel: "6.12", suites: ["smoke"], append: [] },
  { kernel: "6.1", suites: ["no IPv6"], append: ["ipv6.disable=1"] },
];

/** Every suite on every kernel. */
export function allGuests(kernels: readonly KernelName[]): readonly GuestPlan[] {
  return kernels.flatMap((kernel) => [
    { kernel, suites: ["smoke", "missing modules", "figures"], append: [] },
    { kernel, suites: ["surroundings"], append: [] },
    { kernel, suites: ["encryption"], append: [] },
    { kernel, suites: ["kernel tests"], append: [] },
    { kernel, suites: ["no IPv6"], append: ["ipv6.disable=1"] },
  ]);
}
