/**
 * A function that gives its last answer again as long as all of the key, compared by identity, is the same.
 */
export function rememberLast<Input, Output>(make: (input: Input) => Output) {
  let last: { readonly key: readonly unknown[]; readonly output: Output } | undefined;
  return (key: readonly unknown[], input: () => Input): Output => {
    if (last === undefined || key.some((part, index) => part !== last?.key[index]))
      last = { key, output: make(input()) };
    return last.output;
  };
}
