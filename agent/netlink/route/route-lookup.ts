/** The kernel's answer to a question about a route. */
export type RouteLookup =
  | {
      readonly kind: "route";
      /** RTN_* of linux/rtnetlink.h. */
      readonly type: number;
      readonly linkIndex: number | undefined;
      readonly gateway: string | undefined;
      readonly mtu: number | undefined;
    }
  | {
      readonly kind: "refused";
      /** As in "ENETUNREACH". */
      readonly code: string;
      /** A route that leads nowhere, as `blackhole 192.0.2.0/24`. */
      readonly blockedBy: string | undefined;
    };
