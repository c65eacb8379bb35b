/** What an error adds that names a missing module: a command that installs it, where there is one. */
export function remedyFor(release: string): string {
  const command = modulesCommand(release);
  return command === undefined ? "" : `; try "${command}"`;
}

/** Ubuntu's kernels that have a package linux-modules-extra-RELEASE. */
const UBUNTU = /^[\d.]+-\d+-(?:generic|lowlatency|aws|azure|gcp|gke|ibm|kvm|oracle|raspi)/;

/** Oracle's own kernel, which from 6.12 on has modules of netfilter in another package. */
const ORACLE = /^(\d+)\.(\d+)\.\d.*\.el\d+uek\./;
const [SPLIT_MAJOR, SPLIT_MINOR] = [6, 12];

/** RHEL and its rebuilds, Fedora, and Alibaba's; those of a variant ("+64k") have packages of other names. */
const RED_HAT = /\.(?:el|fc|al)\d+[^+]*$/;

/**
 * The command that installs what a distribution keeps apart from its kernel, told by the kernel's name
 * (`uname -r`), since files may be an image's; undefined where there is no such package, or the name does not
 * tell.
 */
export function modulesCommand(release: string): string | undefined {
  if (UBUNTU.test(release)) return `apt-get install --yes linux-modules-extra-${release}`;
  const oracle = ORACLE.exec(release);
  if (oracle !== null) {
    const [major, minor] = oracle.slice(1, 3).map(Number) as [number, number];
    const isSplit = major > SPLIT_MAJOR || (major === SPLIT_MAJOR && minor >= SPLIT_MINOR);
    return dnfInstall(release, [
      "kernel-uek-modules",
      "kernel-uek-modules-extra",
      ...(isSplit ? ["kernel-uek-modules-extra-netfilter"] : []),
    ]);
  }
  return RED_HAT.test(release) ? dnfInstall(release, ["kernel-modules-extra"]) : undefined;
}

function dnfInstall(release: string, packages: readonly string[]): string {
  return `dnf install --assumeyes ${packages.map((name) => `${name}-${release}`).join(" ")}`;
}
