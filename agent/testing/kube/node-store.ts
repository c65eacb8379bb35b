import type { JsonObject } from "../../lib/json.ts";
import type { ObjectStore } from "./resources/object-store.ts";

/** What a test says of a node; the store adds what an API server adds. */
export interface NodeSpec {
  readonly name: string;
  readonly addresses?: readonly string[];
  readonly podCIDRs?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Size to which the object is filled up, as images and managed fields fill real ones. */
  readonly bytes?: number;
}

/** The Node objects of an API server. */
export interface NodeStore extends Omit<ObjectStore, "put"> {
  /**
   * Creates or replaces a node, from a spec or from a raw object, which may be as malformed as the test
   * likes.
   */
  put(node: NodeSpec | { readonly raw: JsonObject; readonly name: string }): void;
}

/** UID and version, which the store fills in. */
const IDENTITY_BYTES = 73;

export function createNodeStore(objects: ObjectStore): NodeStore {
  return {
    ...objects,
    put(node) {
      objects.put(node.name, "raw" in node ? node.raw : nodeObject(node));
    },
  };
}

function nodeObject({ name, addresses = [], podCIDRs = [], annotations, bytes = 0 }: NodeSpec): JsonObject {
  const node = {
    metadata: {
      name,
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...(podCIDRs.length > 0 ? { podCIDR: podCIDRs[0], podCIDRs } : {}),
      providerID: `test://${name}`,
    },
    status: {
      addresses: [
        ...addresses.map((address) => ({ type: "InternalIP", address })),
        { type: "Hostname", address: name },
      ],
      conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }],
      images: [] as object[],
    },
  };
  for (let size = JSON.stringify(node).length + IDENTITY_BYTES; size < bytes; ) {
    const digest = `${node.status.images.length}`.padStart(64, "0");
    const image = { names: [`registry.test/app@sha256:${digest}`], sizeBytes: 12_345_678 };
    node.status.images.push(image);
    size += JSON.stringify(image).length + 1;
  }
  return node;
}
