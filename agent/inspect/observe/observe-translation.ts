import type { PodEnd, Translation } from "../../diagnosis/path-observation.ts";
import { formatTarget, type Target } from "../../diagnosis/target.ts";
import { listForeignTables } from "../../kernel/nft/foreign/foreign-tables.ts";
import { messageOf } from "../../lib/errors.ts";
import { familyOf } from "../../net/address.ts";
import { translateTarget } from "../../plan/foreign/translate-target.ts";
import { formatPodName } from "../../plan/pods/names/pod-identity.ts";
import { readText } from "../read-proc.ts";
import type { Datapath } from "../../kernel/read/observe-datapath.ts";

/** The link on which kube-proxy in IPVS mode makes services' addresses local. */
const IPVS_LINK = "kube-ipvs0";

interface Question {
  readonly source: string;
  readonly target: Target;
  readonly isLocal: boolean;
}

/** What rules of others, and what nftables does not show, make of the first packet to a target. */
export async function observeTranslation(
  { links, addresses, bridge }: Datapath,
  pods: readonly PodEnd[],
  { source, target, isLocal }: Question,
): Promise<Translation | undefined> {
  const unknown = (reason: string, isCertain = false): Translation => ({
    kind: "unknown",
    reason,
    isCertain,
  });
  const where = formatTarget(target);
  const ipvs = links.find(({ name }) => name === IPVS_LINK);
  if (addresses.some(({ address, linkIndex }) => address === target.address && linkIndex === ipvs?.index))
    return unknown(
      `${target.address} is on ${IPVS_LINK}: IPVS sends ${where} to an endpoint (ipvsadm -L -n)`,
      true,
    );
  const { address: destination, port } = target;
  const inputLink = bridge?.name ?? "";
  try {
    const tables = await listForeignTables(familyOf(destination));
    const packet = { source, destination, port, isLocal, inputLink };
    const verdict = translateTarget(tables, packet);
    if (verdict.kind === "refused" || verdict.kind === "other ports") return verdict;
    if (verdict.kind === "translated") {
      const nameOf = (address: string) => {
        const identity = pods.find((pod) => pod.address === address)?.pod;
        return identity && formatPodName(identity);
      };
      const endpoints = verdict.endpoints.map(({ address, port: to }) => ({
        address,
        port: to,
        podName: nameOf(address),
      }));
      return { kind: "translated", chain: verdict.chain, endpoints };
    }
    if (verdict.kind === "unknown") {
      const why =
        port === undefined
          ? `by port: ask for ${formatTarget({ address: destination, port: { number: 80, protocol: "tcp" } })} or the like`
          : "and nft does not show where to";
      return unknown(
        `chain ${verdict.chain} ${verdict.isNamed ? "translates" : "may translate"} ${where} ${why}`,
        verdict.isNamed,
      );
    }
  } catch (error) {
    return unknown(messageOf(error));
  }
  const legacy = await readText(`/proc/net/ip${familyOf(destination) === 4 ? "" : "6"}_tables_names`);
  if ((legacy ?? "").split("\n").includes("nat"))
    return unknown(
      "table nat of legacy iptables may translate it, which nft does not show (iptables-legacy-save -t nat)",
    );
  return undefined;
}
