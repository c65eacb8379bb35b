/** Names for content: the same for the same, and never one for two. */
export interface Names {
  nameOf(prefix: string, content: string): string;
  /** The content is gone; another one may have the name. */
  forget(name: string): void;
}

/** Letters of a digest that a name has: 64 bits in hexadecimal digits. */
const LETTERS = 16;

/**
 * Names are the beginnings of digests, and two beginnings of what users write can be made to be the same: a
 * name that is taken gets another letter. Digests are compared, and kept: large policies have 100 KB of
 * content.
 */
export function createNames(digestOf: (content: string) => string): Names {
  const digests = new Map<string, string>();
  return {
    nameOf(prefix, content) {
      const digest = digestOf(content);
      let name = `${prefix}-${digest.slice(0, LETTERS)}`;
      while ((digests.get(name) ?? digest) !== digest) name += "x";
      digests.set(name, digest);
      return name;
    },
    forget(name) {
      digests.delete(name);
    },
  };
}
