/**
 * What distributions and hardening guides set of net.ipv4 and net.ipv6, by who does: settings of the links
 * "all" and "default", and LINK for those that are there. From systemd's 50-default.conf and 50-redhat.conf,
 * Ubuntu's procps, Flatcar's baselayout, Bottlerocket's release-sysctl.conf, and the benchmarks of the Center
 * for Internet Security for servers.
 */
export const SYSCTL_SETS: Readonly<Record<string, readonly string[]>> = {
  "systemd before 245": ["net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.all.promote_secondaries=1"],
  "Debian, Fedora, SUSE (systemd)": [
    "net.ipv4.conf.default.rp_filter=2",
    "net.ipv4.conf.LINK.rp_filter=2",
    "net.ipv4.conf.default.accept_source_route=0",
    "net.ipv4.conf.LINK.accept_source_route=0",
    "net.ipv4.conf.default.promote_secondaries=1",
    "net.ipv4.conf.LINK.promote_secondaries=1",
  ],
  "Red Hat": [
    "net.ipv4.conf.all.rp_filter=1",
    "net.ipv4.conf.default.rp_filter=1",
    "net.ipv4.conf.LINK.rp_filter=1",
    "net.ipv4.conf.LINK.promote_secondaries=1",
  ],
  Ubuntu: [
    "net.ipv4.conf.all.rp_filter=2",
    "net.ipv4.conf.default.rp_filter=2",
    "net.ipv6.conf.all.use_tempaddr=2",
    "net.ipv6.conf.default.use_tempaddr=2",
    "net.ipv4.conf.default.promote_secondaries=1",
  ],
  Flatcar: [
    "net.ipv4.ip_forward=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv4.conf.LINK.rp_filter=0",
  ],
  Bottlerocket: [
    "net.ipv4.ip_default_ttl=255",
    "net.ipv4.conf.all.forwarding=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv4.conf.lo.rp_filter=2",
  ],
  "a hardened server (CIS)": [
    "net.ipv4.ip_forward=0",
    "net.ipv6.conf.all.forwarding=0",
    ...["all", "default", "LINK"].flatMap((link) => [
      `net.ipv4.conf.${link}.rp_filter=1`,
      `net.ipv4.conf.${link}.send_redirects=0`,
      `net.ipv4.conf.${link}.accept_source_route=0`,
      `net.ipv4.conf.${link}.accept_redirects=0`,
      `net.ipv4.conf.${link}.secure_redirects=0`,
      `net.ipv4.conf.${link}.log_martians=1`,
      `net.ipv6.conf.${link}.accept_ra=0`,
      `net.ipv6.conf.${link}.accept_redirects=0`,
      `net.ipv6.conf.${link}.accept_source_route=0`,
    ]),
    "net.ipv4.icmp_echo_ignore_broadcasts=1",
    "net.ipv4.icmp_ignore_bogus_error_responses=1",
    "net.ipv4.tcp_syncookies=1",
  ],
  "a director of IPVS (keepalived)": [
    "net.ipv4.conf.all.arp_ignore=1",
    "net.ipv4.conf.all.arp_announce=2",
    "net.ipv4.conf.default.arp_ignore=1",
    "net.ipv4.conf.default.arp_announce=2",
    "net.ipv4.ip_nonlocal_bind=1",
  ],
  "a router": [
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv6.conf.default.forwarding=1",
    "net.ipv4.conf.all.proxy_arp=1",
    "net.ipv6.conf.all.proxy_ndp=1",
    "net.ipv6.conf.all.keep_addr_on_down=1",
    "net.ipv4.conf.all.ignore_routes_with_linkdown=1",
    "net.ipv6.conf.default.ignore_routes_with_linkdown=1",
    "net.ipv4.fib_multipath_use_neigh=1",
  ],
  "stable and temporary addresses": [
    "net.ipv6.conf.default.addr_gen_mode=3",
    "net.ipv6.conf.all.use_tempaddr=2",
    "net.ipv6.conf.default.use_tempaddr=2",
    "net.ipv6.conf.default.optimistic_dad=1",
    "net.ipv6.conf.default.accept_dad=2",
  ],
};

/** The settings with LINK replaced by each of the links. */
export function sysctlsFor(settings: readonly string[], links: readonly string[]): readonly string[] {
  return settings.flatMap((setting) =>
    setting.includes(".LINK.") ? links.map((link) => setting.replace(".LINK.", `.${link}.`)) : [setting],
  );
}
