import assert from "node:assert/strict";
import { test } from "node:test";
import type { Helm } from "./helm.ts";

/** What `helm install` tells the operator. */
export function testNotes(helm: Helm): void {
  test("the notes say how to go on, and that the image has to be put somewhere", async () => {
    const notes = await helm.notes();
    assert.match(notes, /kubectl --namespace kube-system rollout status daemonset\/causeway/);
    assert.match(notes, /kubectl --namespace kube-system exec POD -- causeway doctor/);
    assert.match(notes, /helm test causeway --namespace kube-system/);
    assert.match(notes, /The image is localhost\/causeway:\S+, which no registry has/);
  });

  test("the notes say nothing of an image that comes from a registry", async () => {
    const notes = await helm.notes({ set: ['image.repository="registry.example.com/causeway"'] });
    assert.doesNotMatch(notes, /which no registry has/);
  });
}
