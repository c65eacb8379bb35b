import assert from "node:assert/strict";
import { test } from "node:test";
import { html } from "./html.ts";

test("html`` escapes text, in elements and attributes, and keeps what is HTML already", () => {
  const evil = `"><img src=x onerror='alert(1)'>&`;
  assert.equal(
    html`<p title="${evil}">${evil}${html`<b>${7}</b>`}${[html`<i></i>`, "<"]}${undefined}</p>`.html,
    '<p title="&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;">&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;<b>7</b><i></i>&lt;</p>',
  );
});
