import type { Attachment } from "../plan/pods/attachment.ts";
import type { MessageBody } from "../netlink/message/message.ts";
import type { PodRoute } from "../plan/pods/pod-routing.ts";

/**
 * Descriptors of one pod, received from the shim: its network namespace and an rtnetlink socket opened inside
 * it.
 */
export interface PodSockets {
  readonly netns: number;
  readonly rtnetlink: number;
}

/**
 * What is sent to a stream socket by the thread that talks to the kernel, once all that was asked for is
 * done: who waits for it need not wait for the event loop.
 */
export interface EarlyReply {
  readonly socket: number;
  readonly bytes: Buffer;
  /** Hears that the socket has taken it; not called if something is left to do, or nobody reads. */
  readonly sent: () => void;
}

/**
 * Changes of another table of nftables that go along with an attachment, in the transaction that lets it
 * send: both are made, or neither.
 */
export interface JoinedChanges {
  readonly bodies: readonly MessageBody[];
  /** Hears when they are made. */
  readonly made: () => void;
}

/** What comes along with an attachment. */
export interface AttachOptions {
  /** Asked for where it can be used: it takes the whole result. */
  readonly earlyReply?: (() => EarlyReply | undefined) | undefined;
  readonly joinedChanges?: JoinedChanges | undefined;
}

/** Routes that were made: by default, or what takes its place beside another interface. */
export interface Attached {
  readonly routes: readonly PodRoute[];
}

/** Not admitted: the transaction with the joined changes was refused, and nothing is made. */
export type AttachOutcome = Attached | "pod interface exists" | "host link exists" | "not admitted";

/** An attachment as the kernel has it. */
export interface ObservedAttachment extends Attachment {
  readonly hostLink: string;
  /** MAC of the pod's interface, as its host link tells it. */
  readonly mac?: string | undefined;
}

/** An attachment with what the kernel tells of its host link. */
export interface PodLink extends ObservedAttachment {
  readonly mtu: number;
  /** Both ends are up. */
  readonly isUp: boolean;
  /** Undefined when nothing tells it. */
  readonly ageMs: number | undefined;
  /** The pod may be older. */
  readonly isAtLeast?: boolean;
}

/** What differs from a plan, in words. Empty: all is as planned. */
export type Faults = readonly string[];

/** Something that was not as planned, and was put right. */
export interface Change {
  readonly kind:
    | "address"
    | "bandwidth"
    | "bridge"
    | "encryption device"
    | "encryption peer"
    | "forwarding"
    | "forwarding entry"
    | "learned neighbour"
    | "learned route"
    | "loopback policy"
    | "neighbour"
    | "port"
    | "route"
    | "ruleset"
    | "tunnel"
    | "tunnel forwarding entry"
    | "tunnel neighbour";
  readonly fault: string;
}

/** What has become of the node. */
export interface NodeOutcome {
  readonly changes: readonly Change[];
  /** What is still not as planned, with the remedy. */
  readonly faults: Faults;
}

/** What a notification of the kernel is about: pods come and go all the time, the rest seldom changes. */
export type Concern = "node" | "peers" | "pods" | "filters" | "policies";
