// Options that `Client` refuses, also from JavaScript, where no compiler checks them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, type ClientOptions } from "arouter-client";

const REFUSED: [string, object, RegExp][] = [
  ["nothing", { baseUrl: undefined }, /not a string/],
  ["a URL object", { baseUrl: new URL("http://127.0.0.1:8080") }, /not a string/],
  ["no scheme", { baseUrl: "127.0.0.1:8080" }, /http:\/\//],
  ["another scheme", { baseUrl: "grpc://127.0.0.1:50051" }, /http:\/\//],
  ["no host", { baseUrl: "http://?x" }, /http:\/\//],
  ["a relative URL outside a browser", { baseUrl: "/arouter" }, /http:\/\//],
  ["the base URL of REST", { baseUrl: "http://user:secret@127.0.0.1:8080/v1/" }, /ends in \/v1/],
  ["the same with a query", { baseUrl: "http://127.0.0.1:8080/v1?x" }, /ends in \/v1/],
  ["an unknown protocol", { baseUrl: "http://127.0.0.1:8080", protocol: "http" }, /"http", not "grpc"/],
];

for (const [name, options, message] of REFUSED) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => new Client(options as ClientOptions),
      (error) => error instanceof TypeError && message.test(error.message) && !error.message.includes("secret"),
    );
  });
}

test("takes a gateway behind a path", () => {
  assert.ok(new Client({ baseUrl: "https://example.com/arouter", protocol: "connect" }).transport);
});
