import { KERNELS, type KernelName } from "./kernels.ts";

/**
 * What a guest runs, by name: arguments of Node in the folder of the repository, without commas or blanks.
 */
export const SUITES = {
  smoke: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/smoke.e2e.ts"],
  "missing modules": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/missing-modules.e2e.ts"],
  surroundings: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/surroundings.e2e.ts"],
  encryption: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/encryption.e2e.ts"],
  figures: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/figures.e2e.ts"],
  "kernel tests": ["e2e/kernels/guest/kernel-tests.ts", "kernel"],
  "policy tests": ["e2e/kernels/guest/kernel-tests.ts", "policy"],
  "agent tests": ["e2e/kernels/guest/kernel-tests.ts", "agent"],
  "two kernels": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/two-kernels.e2e.ts"],
  "no IPv6": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/no-ipv6.e2e.ts"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type SuiteName = keyof typeof SUITES;

/** One guest, which lives as long as its suites take, or two with a cable between them. */
export interface GuestPlan {
  readonly kernels: readonly [KernelName] | readonly [KernelName, KernelName];
  readonly suites: readonly SuiteName[];
  /** Further words of the kernel's command line. */
  readonly append: readonly string[];
}

/** Which suites share a guest. */
const GUESTS: readonly Omit<GuestPlan, "kernels">[] = [
  { suites: ["smoke", "missing modules", "figures"], append: [] },
  { suites: ["surroundings"], append: [] },
  { suites: ["encryption"], append: [] },
  { suites: ["kernel tests"], append: [] },
  { suites: ["policy tests"], append: [] },
  { suites: ["agent tests"], append: [] },
  { suites: ["no IPv6"], append: ["ipv6.disable=1"] },
];

const PAIRED = "two kernels";
const PAIRS = [
  ["5.10", "newest"],
  ["6.1", "6.12"],
] as const;

/** What fits into the time of each change. */
export const SOME_GUESTS: readonly GuestPlan[] = [
  { kernels: ["5.10"], suites: ["smoke"], append: [] },
  { kernels: ["6.12"], suites: ["smoke"], append: [] },
  { kernels: ["6.1"], suites: ["no IPv6"], append: ["ipv6.disable=1"] },
];

/**
 * The guests for these suites on these kernels; all where none is named. Throws where there is none of a
 * name.
 */
export function chooseGuests(kernels: readonly string[], suites: readonly string[]): readonly GuestPlan[] {
  const wantedKernels = choose("kernel", KERNELS, kernels);
  const wantedSuites = choose("suite", Object.keys(SUITES) as readonly SuiteName[], suites);
  const guests = wantedKernels.flatMap((kernel) =>
    GUESTS.map(({ suites: shared, append }) => ({
      kernels: [kernel] as const,
      suites: shared.filter((name) => wantedSuites.includes(name)),
      append,
    })),
  );
  const pairs = PAIRS.filter((pair) => pair.some((kernel) => wantedKernels.includes(kernel)));
  const joined = pairs.map((pair): GuestPlan => ({ kernels: pair, suites: [PAIRED], append: [] }));
  return [...guests, ...(wantedSuites.includes(PAIRED) ? joined : [])].filter(
    ({ suites: { length } }) => length > 0,
  );
}

function choose<Name extends string>(
  what: string,
  all: readonly Name[],
  wanted: readonly string[],
): readonly Name[] {
  const unknown = wanted.find((name) => !(all as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`No ${what} "${unknown}", only ${all.join(", ")}`);
  return wanted.length === 0 ? all : all.filter((name) => wanted.includes(name));
}
