import type { PodNetwork } from "../../compile/table-sets.ts";
import type { Namespace, PeerNode, Pod, Policy, PolicyName } from "../../model.ts";
import type { Attachment } from "./own-pods.ts";

/** An object that came, changed or, without a value, went. */
export type ObjectChange =
  | { readonly kind: "pod"; readonly namespace: string; readonly name: string; readonly pod: Pod | undefined }
  | { readonly kind: "namespace"; readonly name: string; readonly namespace: Namespace | undefined }
  | { readonly kind: "node"; readonly name: string; readonly node: PeerNode | undefined }
  | { readonly kind: "policy"; readonly name: PolicyName; readonly policy: Policy | undefined }
  /** `id`: any name of the interface, such as its host link. */
  | { readonly kind: "attachment"; readonly id: string; readonly attachment: Attachment | undefined }
  | { readonly kind: "pod network"; readonly network: PodNetwork };
