import { fnv1a64 } from "../../../net/fnv1a.ts";

/** Names for content: the same for the same, and never one for two. */
export interface Names {
  nameOf(prefix: string, content: string): string;
  /** The content is gone; another one may have the name. */
  forget(name: string): void;
}

const encoder = new TextEncoder();

/**
 * Short names are hashes, and a hash of what users write can be made to collide: a name that is taken gets
 * another letter.
 */
export function createNames(): Names {
  const contents = new Map<string, string>();
  return {
    nameOf(prefix, content) {
      const { high, low } = fnv1a64(encoder.encode(content));
      let name = `${prefix}-${[high, low].map((half) => half.toString(16).padStart(8, "0")).join("")}`;
      while ((contents.get(name) ?? content) !== content) name += "x";
      contents.set(name, content);
      return name;
    },
    forget(name) {
      contents.delete(name);
    },
  };
}
