/**
 * Prints the private key of a WireGuard device of this network namespace, as a thief does who has
 * CAP_NET_ADMIN there.
 * usage: node steal-key.ts NAME
 */
import { loadNative } from "../../agent/kernel/socket/native.ts";
import { createNetlinkClient } from "../../agent/kernel/socket/netlink-client.ts";
import { requireFamily } from "../../agent/kernel/wireguard/read-device.ts";
import { NETLINK_GENERIC } from "../../agent/netlink/generic/generic-family.ts";
import { takePrivateKey } from "../../agent/netlink/wireguard/parse-device.ts";
import { dumpDevice } from "../../agent/netlink/wireguard/set-device.ts";

const [name = ""] = process.argv.slice(2);
const generic = createNetlinkClient(loadNative(), NETLINK_GENERIC);
const family = await requireFamily(generic, "steal a key");
const key = takePrivateKey(await generic.dump(dumpDevice({ family, name })));
console.log(key && Buffer.from(key).toString("base64"));
generic.close();
