/** Lines of a document's shell blocks that are commands, and what runs them. */
export interface CommandProof {
  /** Beginning of the command. */
  readonly command: string;
  /** A file of the repository that runs it, and a text in that file that shows it. */
  readonly ranBy?: readonly [file: string, text: string];
  /** Why nothing here runs it. */
  readonly notRun?: string;
}

const UNINSTALL = [
  "agent/test/commands/uninstall.netns.test.ts",
  "the commands of docs/uninstall.md",
] as const;

const DOCUMENTED = ["e2e/cluster/documented-kubectl-tests.ts", "the kubectl commands of the docs"] as const;

/** The longest beginning that fits a command is the one that counts. */
export const COMMAND_PROOFS: readonly CommandProof[] = [
  { command: "npm run demo", ranBy: [".ci/suites.sh", "npm run demo"] },
  { command: "npm test", ranBy: [".ci/suites.sh", "npm test"] },
  { command: "npm run test:kernel", ranBy: ["package.json", "npm run -s test:kernel"] },
  { command: "causeway status", ranBy: ["agent/status/status.netns.test.ts", "status of a ready node"] },
  {
    command: "causeway page",
    ranBy: ["agent/test/attacks/http-attacks.netns.test.ts", "causeway page prints"],
  },
  { command: "causeway bundle", ranBy: ["agent/test/commands/bundle.netns.test.ts", '"bundle"'] },
  { command: "causeway doctor", ranBy: ["agent/test/commands/doctor.netns.test.ts", '"doctor"'] },
  {
    command: "causeway doctor --before-install",
    ranBy: ["agent/test/commands/before-install.netns.test.ts", "--before-install"],
  },
  { command: "causeway trace", ranBy: ["agent/test/commands/trace.netns.test.ts", '"trace"'] },
  { command: "causeway uninstall", ranBy: UNINSTALL },
  { command: "bin=/opt/cni/bin", ranBy: UNINSTALL },
  { command: "helm install causeway", ranBy: ["e2e/cluster/causeway.ts", '"--install"'] },
  { command: "helm uninstall causeway", ranBy: ["e2e/cluster/uninstall-tests.ts", "helm uninstall"] },
  { command: "helm test causeway", ranBy: ["e2e/cluster/readme-tests.ts", "readmeCommands().test"] },
  { command: "helm package", ranBy: ["deploy/release.sh", "package"] },
  { command: "ctr --namespace k8s.io images import", ranBy: ["e2e/lib/containerd.ts", "import"] },
  {
    command: "install -m 0755 deploy/kubectl-causeway",
    notRun:
      "it writes to the machine's /usr/local/bin; deploy/kubectl-causeway.test.ts runs the script itself",
  },
  {
    command: "kubectl --namespace kube-system rollout status",
    ranBy: ["e2e/cluster/readme-tests.ts", "cluster.type(wait)"],
  },
  { command: "kubectl -n NAMESPACE port-forward", ranBy: DOCUMENTED },
  { command: "kubectl -n NAMESPACE get pods", ranBy: DOCUMENTED },
  { command: "kubectl -n NAMESPACE logs", ranBy: DOCUMENTED },
  { command: "kubectl get nodes", ranBy: DOCUMENTED },
  { command: "kubectl label namespace", ranBy: DOCUMENTED },
  { command: "kubectl --namespace kube-flannel patch", notRun: "no cluster with flannel runs here" },
  { command: "cosign", notRun: "nothing is published yet: deploy/release.test.ts runs what comes before it" },
  { command: "docker", notRun: "no Docker here: e2e/image builds the same Dockerfile with buildah" },
  { command: "kind", notRun: "no Docker here: e2e:cluster runs Kubernetes in namespaces instead" },
  { command: "printf", notRun: "it writes the file for kind" },
  { command: "k3s", notRun: "k3s is not on this machine" },
  { command: "kubeadm", notRun: "kubeadm is not on this machine" },
  { command: "microk8s", notRun: "MicroK8s is not on this machine" },
  { command: "rm /var/snap/microk8s", notRun: "MicroK8s is not on this machine" },
];

/**
 * Commands of the shell blocks of a document, one a line; continued lines are joined. A block that begins
 * with a variable is one script.
 */
export function shellCommands(text: string): readonly string[] {
  return [...text.matchAll(/^ *```sh\n(.*?)^ *```$/gms)].flatMap(([, block = ""]) => {
    const lines = block
      .replaceAll(/\\\n\s*/g, "")
      .replaceAll(/'[^'\n]*\n[^']*'/g, "'…'")
      .split("\n");
    const commands = lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
    return /^\w+=/.test(commands[0] ?? "") ? commands.slice(0, 1) : commands;
  });
}

/**
 * The entry that says what runs a command, of one in the agent's container that behind `--`; undefined: none
 * does.
 */
export function proofOf(line: string): CommandProof | undefined {
  const command = line.replace(/^kubectl -n \S+ exec \S+ -- /, "");
  return COMMAND_PROOFS.filter((proof) => command.startsWith(proof.command)).toSorted(
    (a, b) => b.command.length - a.command.length,
  )[0];
}
