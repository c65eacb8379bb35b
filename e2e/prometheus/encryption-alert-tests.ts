import { randomBytes } from "node:crypto";
import { observeCommand } from "../lib/command.ts";
import { waitFor } from "../lib/wait-for.ts";
import type { AlertTester } from "./test-alert.ts";
import { FIRST } from "./watched-lab.ts";

/** Faults of what other nodes say of WireGuard. Before all others, which know of nodes without keys. */
export function testEncryptionAlerts({ testAlert }: AlertTester): void {
  testAlert("CausewayPeersInClear", {
    what: "another node has no key",
    inject: ({ node }) => {
      node.setPeers([FIRST]);
      return Promise.resolve();
    },
    lift: ({ node }) => {
      node.setPeers([]);
      return Promise.resolve();
    },
  });

  testAlert("CausewayPeersUnanswered", {
    what: "a node with a key is not there",
    inject: async ({ node }) => {
      const wireguard = { publicKey: randomBytes(32).toString("base64"), port: 51_820 };
      node.setPeers([{ ...FIRST, wireguard }]);
      const agent = await node.agent();
      await waitFor(
        "the peer",
        async () => (await agent.metric("causeway_encryption_peers")) === 1 || undefined,
        {
          timeoutMs: 20_000,
        },
      );
      // The kernel calls a node when there is something to send.
      await observeCommand([...node.network.node.enter, "ping", "-c", "1", "-W", "1", "10.244.8.5"]);
    },
    lift: ({ node }) => {
      node.setPeers([]);
      return Promise.resolve();
    },
  });
}
