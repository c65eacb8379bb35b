import { runOnHost, host } from "./netns.ts";

/**
 * Services of TCP port 80: one with a pod of this node and NodePort 30080, one with another pod too, and one
 * without endpoints.
 */
export interface Services {
  readonly family: 4 | 6;
  readonly web: string;
  readonly mixed: string;
  readonly empty: string;
  readonly pod: string;
  readonly far: string;
}

/** The rules that kube-proxy in iptables mode writes for them, by iptables-nft. */
export async function iptablesServices({ family, web, mixed, empty, pod, far }: Services): Promise<void> {
  const tool = family === 4 ? "iptables-nft" : "ip6tables-nft";
  const to = (address: string): string => (family === 4 ? `${address}:80` : `[${address}]:80`);
  const endpoint = (chain: string, address: string): string =>
    `-A ${chain} -s ${address} -m comment --comment "shop/web:http" -j KUBE-MARK-MASQ
-A ${chain} -p tcp -m comment --comment "shop/web:http" -m tcp -j DNAT --to-destination ${to(address)}`;
  const service = (address: string, chain: string): string =>
    `-A KUBE-SERVICES -d ${address} -p tcp -m comment --comment "shop/web:http cluster IP" -m tcp --dport 80 -j ${chain}`;
  const rules = `*filter
:KUBE-SERVICES - [0:0]
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d ${empty} -p tcp -m comment --comment "shop/empty has no endpoints" -m tcp --dport 80 -j REJECT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SVC-WEB - [0:0]
:KUBE-EXT-WEB - [0:0]
:KUBE-SVC-MIXED - [0:0]
:KUBE-SEP-POD - [0:0]
:KUBE-SEP-FAR - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
${service(web, "KUBE-SVC-WEB")}
${service(mixed, "KUBE-SVC-MIXED")}
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-NODEPORTS -p tcp -m comment --comment "shop/web:http" -m tcp --dport 30080 -j KUBE-EXT-WEB
-A KUBE-EXT-WEB -m comment --comment "masquerade traffic for shop/web:http external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-WEB -j KUBE-SVC-WEB
-A KUBE-SVC-WEB -m comment --comment "shop/web:http" -j KUBE-SEP-POD
-A KUBE-SVC-MIXED -m comment --comment "shop/mixed:http" -m statistic --mode random --probability 0.5 -j KUBE-SEP-POD
-A KUBE-SVC-MIXED -m comment --comment "shop/mixed:http" -j KUBE-SEP-FAR
${endpoint("KUBE-SEP-POD", pod)}
${endpoint("KUBE-SEP-FAR", far)}
COMMIT`;
  await host(`${tool}-restore <<'RULES'\n${rules}\nRULES`);
}

/** The rules that kube-proxy in nftables mode writes for them. */
export async function nftablesServices({ family, web, mixed, empty, pod, far }: Services): Promise<void> {
  const ip = family === 4 ? "ip" : "ip6";
  const to = (address: string): string => (family === 4 ? `${address}:80` : `[${address}]:80`);
  const key = `type ipv${family}_addr . inet_proto . inet_service : verdict`;
  const endpoint = (chain: string, address: string): string => `chain ${chain} {
    ${ip} saddr ${address} jump mark-for-masquerade
    meta l4proto tcp dnat to ${to(address)}
  }`;
  await runOnHost(
    "nft",
    `table ${ip} kube-proxy {
  chain mark-for-masquerade { mark set mark or 0x4000; }
  chain reject-chain { reject; }
  ${endpoint("endpoint-AAAAAAAA-shop/web/tcp/http__pod/80", pod)}
  ${endpoint("endpoint-BBBBBBBB-shop/web/tcp/http__far/80", far)}
  chain service-AAAAAAAA-shop/web/tcp/http {
    ${ip} daddr ${web} tcp dport 80 ${ip} saddr != ${pod} jump mark-for-masquerade
    numgen random mod 1 vmap { 0 : goto endpoint-AAAAAAAA-shop/web/tcp/http__pod/80 }
  }
  chain external-AAAAAAAA-shop/web/tcp/http {
    jump mark-for-masquerade
    goto service-AAAAAAAA-shop/web/tcp/http
  }
  chain service-BBBBBBBB-shop/mixed/tcp/http {
    numgen random mod 2 vmap { 0 : goto endpoint-AAAAAAAA-shop/web/tcp/http__pod/80, 1 : goto endpoint-BBBBBBBB-shop/web/tcp/http__far/80 }
  }
  set cluster-ips { type ipv${family}_addr; elements = { ${web}, ${mixed}, ${empty} }; }
  map service-ips { ${key}
    elements = { ${web} . tcp . 80 : goto service-AAAAAAAA-shop/web/tcp/http, ${mixed} . tcp . 80 : goto service-BBBBBBBB-shop/mixed/tcp/http }; }
  map service-nodeports { type inet_proto . inet_service : verdict
    elements = { tcp . 30080 : goto external-AAAAAAAA-shop/web/tcp/http }; }
  map no-endpoint-services { ${key}
    elements = { ${empty} . tcp . 80 comment "shop/empty:http" : goto reject-chain }; }
  chain services {
    ${ip} daddr . meta l4proto . th dport vmap @service-ips
    fib daddr type local meta l4proto . th dport vmap @service-nodeports
  }
  chain service-endpoints-check { ${ip} daddr . meta l4proto . th dport vmap @no-endpoint-services; }
  chain cluster-ips-check { ${ip} daddr @cluster-ips reject; }
  chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
  chain filter-forward { type filter hook forward priority -110
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
}`,
  );
}
