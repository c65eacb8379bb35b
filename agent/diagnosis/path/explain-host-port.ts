import { describePod } from "../../plan/pods/attachment.ts";
import { TABLE_NAME } from "../../plan/nft/nft-table.ts";
import type { Finding } from "../finding.ts";
import type { PathObservation } from "../path-observation.ts";
import { formatTarget } from "../target.ts";

const NAME = "host port";

/** The translation of a port of this node, where the target is one. */
export function explainHostPort({ hostPort, target }: PathObservation): readonly Finding[] {
  if (hostPort === undefined || !hostPort.isLocal) return [];
  const { binding, set, key, element } = hostPort;
  const where = formatTarget(target);
  if ("error" in element) return [{ name: NAME, verdict: "info", evidence: `unknown: ${element.error}` }];
  if (binding === undefined)
    return element.value === undefined
      ? [
          {
            name: NAME,
            verdict: "info",
            evidence: `no pod on this node has ${where}: it belongs to the node itself`,
          },
        ]
      : [
          {
            name: NAME,
            verdict: "fail",
            evidence: `map ${set} sends ${where} to ${element.value}, but no pod on this node has that port any more`,
            remedy: `nft delete element inet ${TABLE_NAME} ${set} '{ ${key} }'`,
          },
        ];
  const value = `${binding.address} . ${binding.port}`;
  const comment = `${binding.hostLink} ${binding.containerId}`;
  if (element.value === undefined)
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: `${describePod(binding)} has ${where}, but map ${set} lacks it: the packet goes to the node itself`,
        remedy: `nft add element inet ${TABLE_NAME} ${set} '{ ${key} comment "${comment}" : ${value} }'`,
      },
    ];
  if (element.value !== value)
    return [
      {
        name: NAME,
        verdict: "fail",
        evidence: `map ${set} sends ${where} to ${element.value} instead of ${value} (${describePod(binding)})`,
        remedy: `nft "delete element inet ${TABLE_NAME} ${set} { ${key} }; add element inet ${TABLE_NAME} ${set} { ${key} comment \\"${comment}\\" : ${value} }"`,
      },
    ];
  return [
    {
      name: NAME,
      verdict: "ok",
      evidence: `map ${set}: ${where} goes to ${value} (${describePod(binding)})`,
    },
  ];
}
