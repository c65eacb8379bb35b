import { runCommand } from "./command.ts";

/** A link as `ip -details -json link` shows it. */
export interface IpLink {
  readonly ifname: string;
  readonly mtu: number;
  readonly address: string;
  readonly operstate: string;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly ifalias?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_slave_data?: Readonly<Record<string, unknown>>;
  };
}

export interface IpAddress {
  readonly family: "inet" | "inet6";
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly tentative?: boolean;
}

export interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev: string;
  readonly scope?: string;
  readonly protocol?: string;
}

export interface IpNeighbour {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
}

export interface FdbEntry {
  readonly mac: string;
  readonly ifname: string;
  readonly state?: string;
}

/**
 * The kernel's state in one network namespace: `enter` are the words before a command that let it run there.
 */
export interface IpView {
  links(): Promise<readonly IpLink[]>;
  addresses(ifname: string): Promise<readonly IpAddress[]>;
  routes(family: 4 | 6): Promise<readonly IpRoute[]>;
  neighbours(ifname: string): Promise<readonly IpNeighbour[]>;
  fdb(bridge: string): Promise<readonly FdbEntry[]>;
}

export function viewOf(enter: readonly string[]): IpView {
  const json = async <T>(command: readonly string[]): Promise<readonly T[]> => {
    const text = await runCommand([...enter, ...command]);
    return text.trim() === "" ? [] : (JSON.parse(text) as T[]);
  };
  return {
    links: () => json<IpLink>(["ip", "-details", "-json", "link", "show"]),
    async addresses(ifname) {
      const shown = await json<{ addr_info: IpAddress[] }>(["ip", "-json", "address", "show", "dev", ifname]);
      return shown.flatMap(({ addr_info: addresses }) => addresses);
    },
    routes: (family) => json<IpRoute>(["ip", `-${family}`, "-details", "-json", "route", "show"]),
    neighbours: (ifname) =>
      json<IpNeighbour>(["ip", "-json", "neighbour", "show", "dev", ifname, "nud", "all"]),
    fdb: (bridge) => json<FdbEntry>(["bridge", "-json", "fdb", "show", "br", bridge]),
  };
}
