import {
  ACKNOWLEDGED,
  encodeBatch,
  type EncodedRequests,
  type NetlinkRequest,
  numberRequests,
  type Outcome,
  parseAnswers,
  type Requests,
} from "../../netlink/message/message.ts";
import type { EarlyReply } from "../types.ts";
import type { Native, NativeStep } from "./native.ts";

/**
 * Requests for one socket: one of the client's own (its protocol, the host's network namespace), or any
 * other.
 */
export interface NetlinkStep {
  readonly socket?: number | undefined;
  /** The socket is one that `withSocket` has lent: its options are set. */
  readonly isLent?: boolean;
  readonly requests: Requests;
  /**
   * The answer to the first request, a link's, must have one of these flags (IFF_*); without, the sequence
   * ends.
   */
  readonly wantedFlags?: number;
}

/**
 * Sends steps in order, each after the one before has succeeded; those without a socket through `host`. Many
 * requests take several trips, and have no early reply.
 */
export type SendSteps = (
  steps: readonly NetlinkStep[],
  host: number,
  earlyReply?: EarlyReply,
) => Promise<Outcome[][]>;

/**
 * Bounds one send to some 20 KB and its acknowledgements to some 100 KB, half of the smallest receive buffer.
 */
const MAX_BATCH = 100;

/** ifi_flags of struct ifinfomsg, linux/rtnetlink.h, behind struct nlmsghdr. */
const FLAGS_OFFSET = 16 + 8;

interface Batch extends NativeStep {
  readonly requests: Requests;
  readonly firstSeq: number;
}

const skipped: Outcome = { status: "skipped" };

/** Numbers the messages of a client, sends them in batches, and matches the answers. */
export function createSender(native: Pick<Native, "request">): SendSteps {
  let nextSeq = 1;

  function encode(fd: number, { requests, wantedFlags = 0 }: NetlinkStep): Batch {
    const firstSeq = nextSeq;
    nextSeq = (nextSeq + countOf(requests)) >>> 0;
    const bytes = isEncoded(requests) ? numberRequests(requests, firstSeq) : encodeBatch(requests, firstSeq);
    const wanted = wantedFlags === 0 ? {} : { wantedAt: FLAGS_OFFSET, wantedBits: wantedFlags };
    return { fd, requests, firstSeq, bytes, ...wanted };
  }

  async function send(batches: readonly Batch[], earlyReply?: EarlyReply): Promise<Outcome[][]> {
    const steps: readonly NativeStep[] = batches;
    const answering = native.request(earlyReply === undefined ? steps : [...steps, plainStep(earlyReply)]);
    for (const batch of batches) wipeSecrets(batch);
    const answers = await answering;
    if (answers.length > batches.length) earlyReply?.sent();
    return batches.map(({ requests, firstSeq }, index) => {
      if (index >= answers.length) return allOf(requests, skipped);
      const answer = answers[index];
      if (!isEncoded(requests)) return parseAnswers(requests, firstSeq, answer);
      return answer === undefined
        ? allOf(requests, ACKNOWLEDGED)
        : parseAnswers(requests.requests(), firstSeq, answer);
    });
  }

  /** A step of many requests goes in several batches, all of them sent; it is one step nevertheless. */
  async function sendLong(fd: number, requests: readonly NetlinkRequest[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (let start = 0; start < requests.length; start += MAX_BATCH) {
      const [batch = []] = await send([encode(fd, { requests: requests.slice(start, start + MAX_BATCH) })]);
      outcomes.push(...batch);
    }
    return outcomes;
  }

  function run(steps: readonly NetlinkStep[], host: number, earlyReply?: EarlyReply): Promise<Outcome[][]> {
    const isShort = steps.every(({ requests }) => countOf(requests) > 0 && countOf(requests) <= MAX_BATCH);
    if (!isShort) return runLong(steps, host);
    return send(
      steps.map((step) => encode(step.socket ?? host, step)),
      earlyReply,
    );
  }

  async function runLong(steps: readonly NetlinkStep[], host: number): Promise<Outcome[][]> {
    const outcomes: Outcome[][] = [];
    let failed = false;
    for (const { socket = host, requests: given } of steps) {
      const requests = isEncoded(given) ? given.requests() : given;
      const answers: Outcome[] = failed ? allOf(requests, skipped) : await sendLong(socket, requests);
      failed ||= answers.some(({ status }) => status === "failed");
      outcomes.push(answers);
    }
    return outcomes;
  }

  return run;
}

function plainStep({ socket, bytes }: EarlyReply): NativeStep {
  return { fd: socket, bytes, isPlain: true };
}

/** What held a key holds it no longer: the call has copied the bytes, and wipes its copy itself. */
function wipeSecrets({ requests, bytes }: Batch): void {
  if (isEncoded(requests)) return;
  const secrets = requests.filter(({ isSecret }) => isSecret === true);
  if (secrets.length > 0) bytes.fill(0);
  for (const { payload } of secrets) for (const piece of payload) piece.fill(0);
}

function isEncoded(requests: Requests): requests is EncodedRequests {
  return "offsets" in requests;
}

function countOf(requests: Requests): number {
  if (!isEncoded(requests)) return requests.length;
  return requests.isTransaction === true ? 1 : requests.offsets.length;
}

function allOf(requests: Requests, outcome: Outcome): Outcome[] {
  return Array.from({ length: countOf(requests) }, () => outcome);
}
