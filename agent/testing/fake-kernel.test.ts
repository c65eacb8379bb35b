import { createFakeKernel } from "./fake-kernel.ts";
import { testKernelContract } from "./kernel-contract.ts";

testKernelContract("createFakeKernel()", async () => {
  const kernel = createFakeKernel();
  let nextFd = 100;
  return {
    kernel,
    makePod: () => Promise.resolve({ netns: nextFd++, rtnetlink: nextFd++ }),
    removePod: ({ netns }) => Promise.resolve(kernel.removeNetns(netns)),
  };
});
