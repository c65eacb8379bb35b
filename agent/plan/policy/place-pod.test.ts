import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../reconcile/policy/digest.ts";
import { projectNamespace, projectPod } from "./parse/project-pod.ts";
import { createNames } from "./compile/names.ts";
import { createOwnPods } from "./state/objects/own-pods.ts";
import { createPlacer } from "./state/places/place-pod.ts";
import { createPolicyStore } from "./state/objects/policy-store.ts";
import { policyChange } from "../../testing/policy/raw-objects.ts";

const NAMESPACE = "shop";

/** A pod under one policy, and how often policies were looked through for it. */
function createPlace() {
  const own = createOwnPods();
  const namespace =
    projectNamespace({ metadata: { name: NAMESPACE, labels: {} } }) ?? assert.fail("no namespace");
  const namespaces = new Map([[NAMESPACE, namespace]]);
  const policies = createPolicyStore({ namespaces, selectsOwn: () => false });
  const { name, spec } = policyChange(NAMESPACE, "closed", { podSelector: {} });
  policies.set(name, spec);
  let looks = 0;
  const placer = createPlacer({
    families: [4],
    store: { namespaces },
    own,
    policies: {
      ...policies,
      selecting(...pod) {
        looks += 1;
        return policies.selecting(...pod);
      },
    },
    names: createNames(digestOf),
    isBig: () => false,
  });
  const setPod = (labels: Readonly<Record<string, string>>): void => {
    const raw = {
      metadata: { namespace: NAMESPACE, name: "web", labels },
      spec: { nodeName: "here", containers: [] },
    };
    own.setPod(
      "shop/web",
      projectPod(raw, () => true),
    );
  };
  setPod({});
  return { own, placer, setPod, looks: () => looks };
}

test("an ADD looked through all policies and planned their group anew, 20 ms with a thousand of them", () => {
  const { own, placer, looks } = createPlace();
  const [before] = placer.place("shop/web");
  placer.forgetPlans();
  own.setAttachment("1", { namespace: NAMESPACE, name: "web", uid: undefined, addresses: ["10.244.1.7"] });
  const [after] = placer.place("shop/web");
  assert.equal(looks(), 1);
  assert.equal(after?.group, before?.group);
  assert.deepEqual(after?.addresses, ["10.244.1.7"]);
});

test("policies are looked through again for a pod that is another object, or that is forgotten", () => {
  const { placer, setPod, looks } = createPlace();
  placer.place("shop/web");
  setPod({ app: "web" });
  placer.place("shop/web");
  assert.equal(looks(), 2);
  placer.forget("shop/web");
  placer.place("shop/web");
  assert.equal(looks(), 3);
});
