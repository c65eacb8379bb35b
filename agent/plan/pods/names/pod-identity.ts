/**
 * Which object of the Kubernetes API a pod is, as the runtime says in CNI_ARGS. Exact: nothing is cut or
 * normalized.
 */
export interface PodIdentity {
  /** An RFC 1123 label, at most 63 characters. */
  readonly namespace: string;
  /**
   * An RFC 1123 subdomain, at most 253 characters. Ends with {@link CUT}, which no pod's name does, where all
   * that is left of a longer one is its beginning: on links of former releases, which kept no more.
   */
  readonly name: string;
  /**
   * Undefined: the runtime did not pass it. Of a static pod it is the kubelet's, not that of its mirror pod.
   */
  readonly uid?: string | undefined;
}

/** Ends a name that an alias has no room for. */
export const CUT = "~";

const NAMESPACE = /^[a-z0-9-]{1,63}$/;
const NAME = /^[a-z0-9.-]{1,253}~?$/;
/**
 * What Kubernetes generates has 32 or 36 characters; whatever a link's alternative name can hold is taken.
 */
const UID = /^[A-Za-z0-9_.-]{1,64}$/;

interface UncheckedIdentity {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly uid?: string | undefined;
}

/**
 * The identity, or undefined when namespace and name are not as Kubernetes allows them. A UID of another form
 * is left out.
 */
export function podIdentity({ namespace, name, uid }: UncheckedIdentity): PodIdentity | undefined {
  if (namespace === undefined || name === undefined) return undefined;
  if (!NAMESPACE.test(namespace) || !NAME.test(name)) return undefined;
  return uid !== undefined && UID.test(uid) ? { namespace, name, uid } : { namespace, name };
}

/** `NAMESPACE/NAME`. */
export function formatPodName({ namespace, name }: PodIdentity): string {
  return `${namespace}/${name}`;
}

/** Inverse of {@link formatPodName}; undefined for any other text. */
export function parsePodName(text: string): PodIdentity | undefined {
  const [namespace, name, ...rest] = text.split("/");
  return rest.length === 0 ? podIdentity({ namespace, name }) : undefined;
}

const UID_INFIX = ".uid.";
const PART_INFIX = ".pod.";

/**
 * ALTIFNAMSIZ of linux/if.h less the NUL, a link's name (15), the infix, and the part's number and count
 * (`N.N.`).
 */
const PART_LENGTH = 127 - 15 - PART_INFIX.length - 4;

/** Alternative name of a host link that holds its pod's UID: `HOST_LINK.uid.UID`. */
export function formatUidName(hostLink: string, uid: string): string {
  return `${hostLink}${UID_INFIX}${uid}`;
}

/**
 * Alternative names of a host link that hold the pod's namespace and name where the alias has no room for
 * them: `HOST_LINK.pod.N.COUNT.TEXT`, N from 0, whose texts make `NAMESPACE.NAME` (a namespace has no dot,
 * and a device name no slash). At most four.
 */
export function formatNameParts(hostLink: string, { namespace, name }: PodIdentity): readonly string[] {
  const text = `${namespace}.${name}`;
  const count = Math.ceil(text.length / PART_LENGTH);
  return Array.from({ length: count }, (_, index) => {
    const part = text.slice(index * PART_LENGTH, (index + 1) * PART_LENGTH);
    return `${hostLink}${PART_INFIX}${index}.${count}.${part}`;
  });
}

/** The identity that a host link keeps: `aliased` is the one of its alias, which may be cut or missing. */
export function readIdentity(
  hostLink: string,
  aliased: PodIdentity | undefined,
  altNames: readonly string[],
): PodIdentity | undefined {
  const known = readNameParts(hostLink, altNames) ?? aliased;
  return known && podIdentity({ ...known, uid: valueOf(altNames, `${hostLink}${UID_INFIX}`) });
}

/** Undefined when there are none, or when somebody has taken one away. */
function readNameParts(hostLink: string, altNames: readonly string[]): UncheckedIdentity | undefined {
  const begin = `${hostLink}${PART_INFIX}`;
  const first = valueOf(altNames, `${begin}0.`);
  if (first === undefined) return undefined;
  const count = Number(first[0]);
  const parts = Array.from({ length: count }, (_, index) => valueOf(altNames, `${begin}${index}.${count}.`));
  if (parts.includes(undefined)) return undefined;
  const text = parts.join("");
  const dot = text.indexOf(".");
  return { namespace: text.slice(0, dot), name: text.slice(dot + 1) };
}

function valueOf(altNames: readonly string[], begin: string): string | undefined {
  return altNames.find((altName) => altName.startsWith(begin))?.slice(begin.length);
}
