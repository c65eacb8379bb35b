import { KERNELS, type KernelName } from "./kernels.ts";

/**
 * What a guest runs, by name: arguments of Node in the folder of the repository, without commas or blanks.
 */
export const SUITES = {
  smoke: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/smoke.e2e.ts"],
  "missing modules": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/missing-modules.e2e.ts"],
  surroundings: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/surroundings.e2e.ts"],
  encryption: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/encryption.e2e.ts"],
  "fast path": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/fast-path.e2e.ts"],
  figures: ["e2e/lib/run-tests.ts", "e2e/kernels/guest/figures.e2e.ts"],
  "kernel tests": ["e2e/kernels/guest/kernel-tests.ts", "kernel"],
  "policy tests": ["e2e/kernels/guest/kernel-tests.ts", "policy"],
  "agent tests": ["e2e/kernels/guest/kernel-tests.ts", "agent"],
  "attack tests": ["e2e/kernels/guest/kernel-tests.ts", "attack"],
  "field cases": ["e2e/kernels/guest/kernel-tests.ts", "field"],
  "two kernels": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/two-kernels.e2e.ts"],
  "no IPv6": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/no-ipv6.e2e.ts"],
  "two processors": ["e2e/lib/run-tests.ts", "e2e/kernels/guest/two-processors.e2e.ts"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type SuiteName = keyof typeof SUITES;

/**
 * One guest, which lives as long as its suite takes, or two with a cable between them. No other suite is in
 * it: what one leaves, such as an address, changes what the next one sees.
 */
export interface GuestPlan {
  readonly kernels: readonly [KernelName] | readonly [KernelName, KernelName];
  readonly suite: SuiteName;
}

/** Further words of the kernel's command line. */
export const APPENDED: Readonly<Partial<Record<SuiteName, readonly string[]>>> = {
  "no IPv6": ["ipv6.disable=1"],
};

/** Guests that have more than one. */
export const PROCESSORS: Readonly<Partial<Record<SuiteName, number>>> = { "two processors": 2 };

const PAIRED = "two kernels";
const PAIRS = [
  ["5.10", "newest"],
  ["6.1", "6.12"],
] as const;

/** What fits into the time of each change. */
export const SOME_GUESTS: readonly GuestPlan[] = [
  { kernels: ["5.10"], suite: "smoke" },
  { kernels: ["6.12"], suite: "smoke" },
  { kernels: ["6.1"], suite: "no IPv6" },
];

/**
 * The guests for these suites on these kernels; all where none is named. Throws where there is none of a
 * name.
 */
export function chooseGuests(kernels: readonly string[], suites: readonly string[]): readonly GuestPlan[] {
  const wantedKernels = choose("kernel", KERNELS, kernels);
  const wantedSuites = choose("suite", Object.keys(SUITES) as readonly SuiteName[], suites);
  const pairs = PAIRS.filter((pair) => pair.some((kernel) => wantedKernels.includes(kernel)));
  const rows = wantedKernels.map((kernel) => [kernel] as const);
  return wantedSuites.flatMap((suite) =>
    (suite === PAIRED ? pairs : rows).map((guests) => ({ kernels: guests, suite })),
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

/** The guests that run.sh asks for in its environment. Throws as {@link chooseGuests} does. */
export function readPlans(environment: NodeJS.ProcessEnv): readonly GuestPlan[] {
  const { CAUSEWAY_GUESTS, CAUSEWAY_KERNELS = "", CAUSEWAY_SUITES = "" } = environment;
  if (CAUSEWAY_GUESTS === undefined) return SOME_GUESTS;
  const listed = (names: string): readonly string[] => names.split(",").filter((name) => name !== "");
  return chooseGuests(listed(CAUSEWAY_KERNELS), listed(CAUSEWAY_SUITES));
}

// Before anything is downloaded or built: a wrong name is told at once.
if (import.meta.main)
  try {
    readPlans(process.env);
  } catch (error) {
    console.error(`e2e/kernels: ${(error as Error).message}`);
    process.exitCode = 2;
  }
