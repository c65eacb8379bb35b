import { type Cidr, parseCidr } from "../agent/net/cidr.ts";
import { startCauseway } from "./causeway.ts";
import { FEW } from "./cold-start.ts";
import { createFloor } from "./floor.ts";
import { EXTRA_PODS, type FilledProgram } from "./full-node.ts";
import { type Host, makeHost } from "./machine.ts";
import type { Program } from "./program.ts";
import {
  type Backend,
  createFlannel,
  createKindnet,
  createReference,
  createReferenceWithPorts,
  newestOf,
  parseReleases,
  type Release,
} from "./reference.ts";

/** Everything that is measured, each on a host of its own. */
export interface Programs {
  /** Those of one family, then those of both, each with its baseline first. */
  readonly compared: readonly Program[];
  /** The same program on hosts with few and with many attachments; ours with few is the first. */
  readonly filled: readonly FilledProgram[];
  /** Starts an agent on a host of its own, the same each time. */
  readonly startCold: () => Promise<Program>;
  /** Agents that are asked for little, and have to wait. */
  readonly idle: readonly Program[];
}

const IPV4 = ["10.244.0.0/22"] as const;
const DUAL = [...IPV4, "fd00:10:244::/64"] as const;

/** Host ports of each pod, where it has some. */
const PORTS = 2;

/** The part of pods and bursts that slow programs and variants are measured with. */
const SOME = 0.3;

/** Agents that wait. */
const IDLE_AGENTS = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `causeway-idle-${number}`);

/** For `plugins` see {@link parseReleases}. */
export async function startPrograms(pods: number, plugins: string): Promise<Programs> {
  const hostOf = createHosts();
  const releases = parseReleases(plugins);
  const newest = newestOf(releases);
  const ours = [
    createFloor({ id: "floor", host: hostOf("floor", pods), podCidrs: cidrs(IPV4) }),
    await startCauseway({ id: "causeway", host: hostOf("causeway", pods), podCIDRs: IPV4 }),
    await startCauseway({
      id: "causeway-ports",
      host: hostOf("causeway-ports", pods),
      podCIDRs: IPV4,
      ports: PORTS,
    }),
  ];
  const oursDualStack = [
    createFloor({
      id: "floor-dual",
      host: hostOf("floor-dual", pods),
      podCidrs: cidrs(DUAL),
      remark: ", dual stack",
    }),
    await startCauseway({
      id: "causeway-dual",
      host: hostOf("causeway-dual", pods),
      podCIDRs: DUAL,
      remark: ", dual stack",
    }),
  ];
  const theirs = [...releases].flatMap(([name, release]) => referencesOf({ name, release, hostOf, pods }));
  const coldHost = hostOf("causeway-cold", pods);
  const idle: Program[] = [];
  for (const id of IDLE_AGENTS) idle.push(await startCauseway({ id, host: hostOf(id, FEW), podCIDRs: IPV4 }));
  return {
    compared: [
      ...ours,
      ...theirs,
      createFlannel({
        id: "flannel",
        release: newest,
        host: hostOf("flannel", pods),
        share: SOME,
        podCIDR: IPV4[0],
      }),
      createKindnet({
        id: "kindnet",
        release: newest,
        host: hostOf("kindnet", pods),
        share: SOME,
        podCIDR: IPV4[0],
      }),
      ...oursDualStack,
      ...[...releases].map(([name, release]) => {
        const id = `${name}-dual`;
        const common = { plugin: "bridge", ipMasq: "iptables", podCIDRs: DUAL, share: SOME } as const;
        return createReference({ id, release, host: hostOf(id, pods), ...common });
      }),
    ],
    filled: await startFilled(hostOf, pods, newest),
    startCold: () => startCauseway({ id: "causeway-cold", host: coldHost, podCIDRs: IPV4 }),
    idle,
  };
}

type HostOf = (id: string, pods: number) => Host;

interface ReferencesInput {
  readonly name: string;
  readonly release: Release;
  readonly hostOf: HostOf;
  readonly pods: number;
}

/** The variants of one release; the one with ipMasq and iptables is what most nodes have. */
function referencesOf({ name, release, hostOf, pods }: ReferencesInput): Program[] {
  const backends: readonly Backend[] = release.answers.includes("STATUS")
    ? ["iptables", "nftables"]
    : ["iptables"];
  const suffix = (backend: Backend): string => (backend === "iptables" ? "" : "-nft");
  const variants = [
    { suffix: "masq", plugin: "bridge", ipMasq: "iptables", share: 1 },
    ...(backends.includes("nftables")
      ? [{ suffix: "masq-nft", plugin: "bridge", ipMasq: "nftables", share: SOME } as const]
      : []),
    { suffix: "plain", plugin: "bridge", ipMasq: undefined, share: SOME },
    { suffix: "ptp", plugin: "ptp", ipMasq: "iptables", share: SOME },
  ] as const;
  return [
    ...variants.map((variant) => {
      const id = `${name}-${variant.suffix}`;
      return createReference({ ...variant, id, release, host: hostOf(id, pods), podCIDRs: IPV4 });
    }),
    ...backends.map((ipMasq) => {
      const id = `${name}-ports${suffix(ipMasq)}`;
      const host = hostOf(id, pods);
      return createReferenceWithPorts({
        id,
        release,
        host,
        podCIDRs: IPV4,
        ipMasq,
        share: SOME,
        ports: PORTS,
      });
    }),
  ];
}

/** With a tenth of the pods, with all, and with five times as many. */
async function startFilled(hostOf: HostOf, pods: number, release: Release): Promise<FilledProgram[]> {
  const [few, many, most] = [Math.ceil(pods / 10), pods, 5 * pods] as const;
  const host = (id: string, present: number): Host => hostOf(id, present + EXTRA_PODS);
  const causeway = async (present: number): Promise<FilledProgram> => {
    const [id, remark] = [`causeway-with-${present}`, `, ${present} on the node`];
    return { present, program: await startCauseway({ id, host: host(id, present), podCIDRs: IPV4, remark }) };
  };
  const floor = (present: number): FilledProgram => {
    const [id, remark] = [`floor-with-${present}`, `, ${present} on the node`];
    return { present, program: createFloor({ id, host: host(id, present), podCidrs: cidrs(IPV4), remark }) };
  };
  const reference = (present: number): FilledProgram => {
    const [id, remark] = [`newest-with-${present}`, `, ${present} on the node`];
    const common = { plugin: "bridge", ipMasq: "iptables", podCIDRs: IPV4, share: 1 } as const;
    return { present, program: createReference({ id, release, host: host(id, present), remark, ...common }) };
  };
  return [
    await causeway(few),
    await causeway(many),
    await causeway(most),
    floor(few),
    floor(most),
    reference(few),
    reference(most),
  ];
}

/** Numbers the hosts. */
function createHosts(): HostOf {
  let count = 0;
  return (id, pods) => makeHost(id, count++, pods);
}

function cidrs(texts: readonly string[]): Cidr[] {
  return texts.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new RangeError(`Cannot use PodCIDR "${text}"`);
    return cidr;
  });
}
