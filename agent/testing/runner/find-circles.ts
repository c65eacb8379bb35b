/**
 * Circles of a graph, each as the sorted names of those that reach one another (Tarjan's strongly connected
 * components).
 */
export function findCircles(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const circles: string[][] = [];
  const order = new Map<string, number>();
  const stack: string[] = [];

  /** The lowest order that is reached from the name, over what is still on the stack. */
  const visit = (name: string): number => {
    const own = order.size;
    order.set(name, own);
    stack.push(name);
    let lowest = own;
    for (const next of graph.get(name) ?? []) {
      const known = order.get(next);
      if (known === undefined) lowest = Math.min(lowest, visit(next));
      else if (stack.includes(next)) lowest = Math.min(lowest, known);
    }
    if (lowest === own) {
      const members = stack.splice(stack.indexOf(name)).toSorted();
      if (members.length > 1 || graph.get(name)?.includes(name)) circles.push(members);
    }
    return lowest;
  };

  for (const name of graph.keys()) if (!order.has(name)) visit(name);
  return circles;
}
