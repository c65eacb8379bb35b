import { type ContainerPort, objectKey, type Pod, type PortRange, type Rule } from "../model.ts";

/**
 * An ingress rule whose ports no pod has that its policy selects here, all of which say what they have: as it
 * is when somebody names the port of a service, not that of its target. A sentence at most. Pods may listen
 * on ports that they do not declare; one without any says nothing.
 */
export function undeclaredPorts({ ports }: Rule, pods: readonly Pod[]): readonly string[] {
  if (ports === undefined || ports.names.length > 0 || ports.ranges.length === 0) return [];
  if (ports.ranges.some(({ first, last }) => first !== last)) return [];
  const [pod] = pods;
  if (pod === undefined || pods.some((each) => each.ports.length === 0)) return [];
  const isDeclared = (range: PortRange): boolean =>
    pods.some((each) => each.ports.some((port) => isOf(port, range)));
  if (ports.ranges.some(isDeclared)) return [];
  const opened = ports.ranges.map(({ protocol, first }) => `${protocol} ${first}`).join(", ");
  const has = pod.ports.map(({ protocol, port }) => `${protocol} ${port}`).join(", ");
  const name = objectKey(pod.namespace, pod.name);
  return [
    `${opened} is not a port that the selected pods declare (${name} has ${has}): rules name pods' ports, not a service's`,
  ];
}

function isOf({ protocol, port }: ContainerPort, range: PortRange): boolean {
  return protocol === range.protocol && port === range.first;
}
