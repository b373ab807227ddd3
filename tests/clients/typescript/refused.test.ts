// A server that refuses a call without processing it, as a service does that ends a connection, and then takes it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { connectNodeAdapter } from "@connectrpc/connect-node";
import { CallError, Client } from "arouter-client";
import { ChatService, ModelService } from "arouter-client/v1";

const handler = connectNodeAdapter({
  routes(router) {
    router.service(ModelService, { listModels: () => ({ data: [{ id: "a/b" }] }) });
    router.service(ChatService, {
      async *streamChatCompletion(request) {
        yield { model: request.model };
      },
    });
  },
});

async function serving(refusals: number, run: (client: Client, calls: () => number) => Promise<void>): Promise<void> {
  let calls = 0;
  const server = createServer((request: Http2ServerRequest, response: Http2ServerResponse) => {
    calls += 1;
    request.stream.on("error", () => {});
    if (calls <= refusals) request.stream.close(constants.NGHTTP2_REFUSED_STREAM);
    else handler(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await run(new Client({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }), () => calls);
  } finally {
    server.close();
  }
}

test("sends a refused call again", () =>
  serving(1, async (client, calls) => {
    assert.equal((await client.listModels())[0]?.id, "a/b");
    assert.equal(calls(), 2);
  }));

test("sends a refused call that streams again", () =>
  serving(1, async (client, calls) => {
    const chunks = await Array.fromAsync(client.streamChat({ model: "a/b" }));

    assert.deepEqual(chunks.map((chunk) => chunk.model), ["a/b"]);
    assert.equal(calls(), 2);
  }));

test("sends it once", () =>
  serving(9, async (client, calls) => {
    await assert.rejects(client.listModels(), (error) => error instanceof CallError && error.reason === "");
    assert.equal(calls(), 2);
  }));
