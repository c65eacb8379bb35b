import type { PodNetwork } from "../../compile/table-sets.ts";
import type { Namespace, PeerNode, Pod, PolicyName } from "../../model.ts";
import type { Attachment } from "./own-pods.ts";

/** An object that came, changed or, without a value, went. */
export type ObjectChange =
  | { readonly kind: "pod"; readonly namespace: string; readonly name: string; readonly pod: Pod | undefined }
  | { readonly kind: "namespace"; readonly name: string; readonly namespace: Namespace | undefined }
  | { readonly kind: "node"; readonly name: string; readonly node: PeerNode | undefined }
  /** `spec`: JSON, which is read when its turn comes: what is read takes ten times the room. */
  | { readonly kind: "policy"; readonly name: PolicyName; readonly spec: string | undefined }
  /** `id`: any name of the interface, such as its host link. */
  | { readonly kind: "attachment"; readonly id: string; readonly attachment: Attachment | undefined }
  | { readonly kind: "pod network"; readonly network: PodNetwork };
