import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ALL_OPTIONS } from "../../agent/settings/options.ts";
import { documentSettings } from "./document-settings.ts";
import { documentValues, type ValuesSchema } from "./document-values.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");
export const CONFIGURATION_DOC = join(REPOSITORY, "docs", "configuration.md");

/** The agent's own settings are values too, under this key. */
const SETTINGS = "config";

/** docs/configuration.md, from the agent's options and the chart's values with their comments. */
export function writeConfigurationDoc(): string {
  return `# Configuration

\`npm run docs\` writes this page from \`agent/settings/options.ts\`, \`policy-options.ts\` beside it, and
\`charts/causeway/values.yaml\`. A test fails when the page is not current.

## The agent's settings

You can give each setting as a key of the YAML file that \`--config\` names, or as a flag. A flag
wins over the file. If settings are wrong, the agent names all of them with their values, and exits
with code 2. In the chart, settings are values under \`${SETTINGS}\`. The chart itself sets paths,
addresses, names and credentials.

${documentSettings(ALL_OPTIONS)}

## Further network configurations

Multus and other callers of CNI plugins may bring a network configuration for Causeway. It may
describe a second interface of a pod, or replace the conflist that the agent installs. Causeway
reads these keys:

| key | default | does |
|---|---|---|
| \`type\` | | \`causeway\` |
| \`name\` | | name of the network; a GC removes attachments of this network only |
| \`socket\` | \`/run/causeway/agent.sock\` | where the agent listens |
| \`defaultRoute\` | | \`true\`: the interface gets the pod's default routes, which win over those of other interfaces. \`false\`: it gets routes to the cluster's PodCIDRs only. Without the key: default routes, unless the pod has some already ([dataplane.md](dataplane.md#several-interfaces-in-one-pod)) |
| \`capabilities\` | | any of \`ips\`, \`mac\`, \`portMappings\`, \`bandwidth\`, \`io.kubernetes.cri.pod-annotations\` |

## The chart's values

The chart refuses wrong and unknown values (\`values.schema.json\`). \`deploy/examples/\` has
values for dual stack, IPv6 alone, k3s, MicroK8s, nodes without kube-proxy, clouds, private
registries, SELinux, monitoring and large frames.

${valuesTable(new Set([SETTINGS]))}
`;
}

/** The chart's values with their defaults and comments. */
export function valuesTable(leaveOut: ReadonlySet<string>): string {
  const chart = (name: string): string => readFileSync(join(REPOSITORY, "charts", "causeway", name), "utf8");
  const schema = resolve(JSON.parse(chart("values.schema.json")) as Schema);
  return documentValues(chart("values.yaml"), schema, leaveOut);
}

interface Schema extends ValuesSchema {
  readonly definitions?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
}

/** Puts definitions where they are referred to, one level deep: deeper there are none. */
function resolve({ properties = {}, definitions = {} }: Schema): ValuesSchema {
  const entries = Object.entries(properties as Readonly<Record<string, Schema>>).map(([key, schema]) => {
    const name = schema.$ref?.replace("#/definitions/", "");
    return [key, name === undefined ? schema : definitions[name]] as const;
  });
  return { properties: Object.fromEntries(entries) };
}
