import { RouteScope } from "./package.ts";

/** How far an address or route is valid, in the words of ip(8); a scope that has no name is its number. */
export type Scope = "global" | "site" | "link" | "host" | "nowhere" | number;

const NUMBERS: Readonly<Record<Exclude<Scope, number>, number>> = {
  global: RouteScope.UNIVERSE,
  site: RouteScope.SITE,
  link: RouteScope.LINK,
  host: RouteScope.HOST,
  nowhere: RouteScope.NOWHERE,
};

const NAMES = new Map(Object.entries(NUMBERS).map(([name, number]) => [number, name as Scope]));

export function scopeToNumber(scope: Scope): number {
  return typeof scope === "number" ? scope : NUMBERS[scope];
}

export function scopeFromNumber(scope: number): Scope {
  return NAMES.get(scope) ?? scope;
}
